; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
(source_file (_) @item)
(block (_) @item)
(lambda_literal (_) @item)
[(enum_entry) (property_declaration)] @item
; `if`, `when` and `try` are statements where they are not part of one; blocks belong to their header
(source_file [(if_expression) (try_expression) (when_expression)] @item.header)
(block [(if_expression) (try_expression) (when_expression)] @item.header)
(lambda_literal [(if_expression) (try_expression) (when_expression)] @item.header)
[(catch_block) (do_while_statement) (finally_block) (for_statement) (getter) (setter) (when_entry) (while_statement)] @item.header
[(anonymous_initializer) (class_declaration) (companion_object) (function_declaration) (object_declaration) (secondary_constructor)] @item.definition
(source_file (if_expression (_) @item))
(block (if_expression (_) @item))
(lambda_literal (if_expression (_) @item))
(source_file (if_expression "else" . (if_expression) @item.header))
(block (if_expression "else" . (if_expression) @item.header))
(lambda_literal (if_expression "else" . (if_expression) @item.header))
(source_file (if_expression "else" . (if_expression (_) @item)))
(block (if_expression "else" . (if_expression (_) @item)))
(lambda_literal (if_expression "else" . (if_expression (_) @item)))
(block (if_expression "else" . (if_expression "else" . (if_expression) @item.header)))
(block (if_expression "else" . (if_expression "else" . (if_expression (_) @item))))
(for_statement ")" . (line_comment)* . (_) @item)
(for_statement ")" . (line_comment)* . (if_expression) @item.header)
(while_statement ")" . (line_comment)* . (_) @item)
(while_statement ")" . (line_comment)* . (if_expression) @item.header)
(do_while_statement "do" . (line_comment)* . (_) @item)
(when_entry "->" . (line_comment)* . (_) @item)
(if_expression condition: (_) @item.absorb)
(if_expression (block) @item.absorb)
(for_statement (block) @item.absorb)
(while_statement (block) @item.absorb)
(do_while_statement (block) @item.absorb)
(when_entry (block) @item.absorb)
(lambda_literal (lambda_parameters) @item.absorb)
[(block_comment) (line_comment)] @comment
[(block) (class_body) (enum_class_body) (lambda_literal)] @body
(if_expression ")" . (line_comment)* . (_) @body)
(if_expression "else" . (line_comment)* . (_) @body)
(for_statement ")" . (line_comment)* . (_) @body)
(while_statement ")" . (line_comment)* . (_) @body)
(do_while_statement "do" . (line_comment)* . (_) @body)
(when_entry "->" . (line_comment)* . (_) @body)

; ---- scopes
[(anonymous_function) (function_declaration) (getter) (lambda_literal) (secondary_constructor) (setter)] @scope.fn
(annotated_lambda (lambda_literal) @scope.lambda)
(value_argument [(anonymous_function) (lambda_literal)] @scope.lambda)
; what a companion declares is seen as the class's own
[(class_declaration) (object_declaration)] @scope.members
(enum_entry (class_body) @scope.members)
(object_literal (class_body) @scope.members)
[(block) (catch_block) (for_statement) (when_entry) (when_expression)] @scope.block

; an extension sees the members of what it extends
(function_declaration (user_type . (identifier) @within) . "." . name: (_))
(function_declaration (nullable_type (user_type . (identifier) @within)) . "." . name: (_))

; ---- definitions
; `val x = x` reads what was there before
(property_declaration) @late
(variable_declaration . (identifier) @def)
(class_body (property_declaration (variable_declaration . (identifier) @def.hoist)))
(property_declaration (variable_declaration . (identifier) @def.declare) .)
(class_parameter (identifier) @def)
(function_value_parameters (parameter . (identifier) @def))
(catch_block . (identifier) @def)
(setter (identifier) @def)
(enum_entry . (identifier) @def.hoist)
(function_declaration name: (identifier) @def.outer.hoist)
(class_declaration name: (identifier) @def.outer.hoist)
(object_declaration name: (identifier) @def.outer.hoist)
(type_alias . (identifier) @def.hoist)
(assignment . (identifier) @def.set)
(assignment . (identifier) @def.read ["+=" "-=" "*=" "/=" "%="])
(unary_expression (identifier) @def.set.read ["++" "--"])
(unary_expression ["++" "--"] (identifier) @def.set.read)
; the base of `a[i]`, `a.b`, `a[i].b`, `a!!.b`, but not the `f` of `f(x)[i]`
(assignment left: [(index_expression) (navigation_expression) (unary_expression)] @mut)
(unary_expression [(index_expression) (navigation_expression)] @mut ["++" "--"])
(call_expression . (navigation_expression . (_) @object))

; ---- members reached through `this`
(assignment . (navigation_expression . (this_expression)) @attr.def)
(assignment . (navigation_expression . (this_expression)) @attr.def.read ["+=" "-=" "*=" "/=" "%="])
(unary_expression (navigation_expression . (this_expression)) @attr.def.read ["++" "--"])
(assignment left: (index_expression) @attr.mut)
(assignment left: (navigation_expression . (index_expression)) @attr.mut)
(assignment left: (navigation_expression . (navigation_expression)) @attr.mut)
(assignment left: (navigation_expression . (unary_expression)) @attr.mut)
(unary_expression (index_expression) @attr.mut ["++" "--"])
(unary_expression (navigation_expression . (navigation_expression)) @attr.mut ["++" "--"])
(call_expression . (navigation_expression . (this_expression)) @attr.call)

; `"$x"` is `$` and `x` to the grammar, both text
(string_literal (string_content) . (string_content) @name)

; ---- names that are no uses
(qualified_identifier) @ignore
(import (identifier) @ignore)
(companion_object (identifier) @ignore)
(value_argument (identifier) @ignore . "=")
(return_expression label: (identifier) @ignore)
(labeled_expression (label) . (identifier) @ignore)
(call_expression . (identifier) @call)
(infix_expression . (_) . (identifier) @call)

; ---- values
[(if_expression) (try_expression) (when_expression)] @value
(if_expression ")" . (line_comment)* . (expression) @tail)
(if_expression "else" . (line_comment)* . (expression) @tail)
(if_expression (block (expression) @tail . (line_comment)* .))
(when_entry "->" . (line_comment)* . (expression) @tail)
(when_entry (block (expression) @tail . (line_comment)* .))
(try_expression "try" . (block (expression) @tail . (line_comment)* .))
(catch_block (block (expression) @tail . (line_comment)* .))

; ---- flow
(annotated_lambda (lambda_literal) @flow.callback)
(value_argument [(anonymous_function) (lambda_literal)] @flow.callback)
[(if_expression) (when_expression)] @flow.branch
(if_expression ")" . (line_comment)* . (_) @flow.alt)
(if_expression "else" . (line_comment)* . (_) @flow.alt.total)
(when_entry) @flow.alt
(when_entry "else") @flow.alt.total
; what is behind it may jump
(binary_expression "?:") @flow.branch
(binary_expression "?:" . (_) @flow.alt)
(for_statement) @flow.for
(while_statement) @flow.while
(do_while_statement) @flow.do
(while_statement condition: (identifier) @verb)
(do_while_statement condition: (identifier) @verb)
(for_statement ")" . (line_comment)* . (_) @flow.body)
(while_statement ")" . (line_comment)* . (_) @flow.body)
(do_while_statement "do" . (line_comment)* . (_) @flow.body)
(try_expression) @flow.try
(try_expression "try" . (block) @flow.trybody)
(catch_block) @flow.handler
(finally_block) @flow.finally
; it leaves the function even out of a callback
(return_expression "return") @jump.raise
(return_expression "return@") @jump.return
(throw_expression) @jump.raise
(labeled_expression (label) @verb)
(block (identifier) @verb)
(lambda_literal (identifier) @verb)
(if_expression ")" . (identifier) @verb)
(if_expression "else" . (identifier) @verb)
(when_entry "->" . (identifier) @verb)
(binary_expression "?:" . (identifier) @verb)
(call_expression . (identifier) @verb)
