; What JavaScript and TypeScript have in common. One capture per pattern, no predicates.

; ---- items
[(break_statement) (continue_statement) (debugger_statement) (export_statement) (expression_statement) (import_statement)
 (lexical_declaration) (return_statement) (throw_statement) (variable_declaration)] @item
[(catch_clause) (do_statement) (else_clause) (finally_clause) (for_in_statement) (for_statement) (if_statement)
 (labeled_statement) (switch_case) (switch_default) (switch_statement) (try_statement) (while_statement) (with_statement)] @item.header
[(class_declaration) (class_static_block) (function_declaration) (generator_function_declaration) (method_definition)] @item.definition
(export_statement declaration: [(class_declaration) (function_declaration) (generator_function_declaration)]) @item.definition
; a variable, member or key that holds a function is its definition (without `name`, Tree-sitter captures all declarations)
(lexical_declaration (variable_declarator name: (_) value: [(arrow_function body: (statement_block)) (class) (function_expression) (generator_function)])) @item.definition
(variable_declaration (variable_declarator name: (_) value: [(arrow_function body: (statement_block)) (class) (function_expression) (generator_function)])) @item.definition
(expression_statement (assignment_expression right: [(arrow_function body: (statement_block)) (class) (function_expression) (generator_function)])) @item.definition
(pair value: [(arrow_function body: (statement_block)) (function_expression) (generator_function)]) @item.definition
(export_statement declaration: (_ (variable_declarator name: (_) value: [(arrow_function body: (statement_block)) (class) (function_expression) (generator_function)]))) @item.definition
(export_statement value: [(arrow_function body: (statement_block)) (class) (function_expression) (generator_function)]) @item.definition
(export_statement declaration: (_) @item.absorb)
(for_statement initializer: (_) @item.absorb)
(labeled_statement body: (_) @item.absorb)
(program . (comment)* . (empty_statement) @item) ; as in ;(function () { ... })()
(program (statement_block) @item.block)
(statement_block (statement_block) @item.block)
[(comment) (hash_bang_line) (html_comment)] @comment
[(class_body) (statement_block) (switch_body)] @body
(if_statement consequence: (_) @body)
(else_clause (_) @body)
(for_statement body: (_) @body)
(for_in_statement body: (_) @body)
(while_statement body: (_) @body)
(do_statement body: (_) @body)
(switch_case ":" . (_) @body .)
(switch_case ":" @body.run)
(switch_default ":" . (_) @body .)
(switch_default ":" @body.run)

; ---- scopes
[(arrow_function) (function_declaration) (function_expression) (generator_function) (generator_function_declaration)
 (method_definition)] @scope.fn
(arguments [(arrow_function) (function_expression) (generator_function)] @scope.lambda)
(call_expression function: (parenthesized_expression [(arrow_function) (function_expression)] @scope.lambda))
(call_expression function: (function_expression) @scope.lambda)
(class_body) @scope.class
(class_static_block) @scope.lambda
[(catch_clause) (class) (class_declaration) (for_in_statement) (for_statement) (statement_block) (switch_body)] @scope.block

; ---- definitions
(variable_declarator name: (identifier) @def) ; `let` without a value sets undefined, `var` does nothing
(variable_declaration (variable_declarator name: (identifier) @def.var))
(variable_declaration (variable_declarator name: (identifier) @def.declare !value))
(variable_declaration (variable_declarator name: (array_pattern (identifier) @def.var)))
(variable_declaration (variable_declarator name: (object_pattern (shorthand_property_identifier_pattern) @def.var)))
(variable_declaration (variable_declarator name: (_ (array_pattern (identifier) @def.var))))
(variable_declaration (variable_declarator name: (_ (assignment_pattern left: (identifier) @def.var))))
(variable_declaration (variable_declarator name: (_ (object_assignment_pattern left: (_) @def.var))))
(variable_declaration (variable_declarator name: (_ (pair_pattern value: (identifier) @def.var))))
(variable_declaration (variable_declarator name: (_ (rest_pattern (identifier) @def.var))))
(variable_declaration (variable_declarator name: (_ (_ (array_pattern (identifier) @def.var)))))
(variable_declaration (variable_declarator name: (_ (_ (assignment_pattern left: (identifier) @def.var)))))
(variable_declaration (variable_declarator name: (_ (_ (object_pattern (shorthand_property_identifier_pattern) @def.var)))))
(shorthand_property_identifier_pattern) @def
(pair_pattern value: (identifier) @def)
(array_pattern (identifier) @def)
(assignment_pattern left: (identifier) @def)
(rest_pattern (identifier) @def)
(arrow_function parameter: (identifier) @def)
(catch_clause parameter: (identifier) @def)
(import_clause (identifier) @def.module)
(import_specifier name: (identifier) @def.module !alias)
(import_specifier alias: (identifier) @def.module)
(namespace_import (identifier) @def.module)
(for_in_statement kind: ["let" "const"] left: (identifier) @def)
(for_in_statement kind: "var" left: (identifier) @def.var)
(for_in_statement kind: "var" left: (array_pattern (identifier) @def.var))
(for_in_statement kind: "var" left: (object_pattern (shorthand_property_identifier_pattern) @def.var))
(for_in_statement !kind left: (identifier) @def.set)
(for_in_statement !kind left: (array_pattern (identifier) @def.set))
(for_in_statement !kind left: (object_pattern (shorthand_property_identifier_pattern) @def.set))
(function_declaration name: (identifier) @def.outer.hoist)
(generator_function_declaration name: (identifier) @def.outer.hoist)
(function_expression name: (identifier) @def)
(generator_function name: (identifier) @def)
(class_body (method_definition name: [(property_identifier) (private_property_identifier)] @def.outer))
(assignment_expression left: (identifier) @def.set)
(assignment_expression left: (array_pattern (identifier) @def.set))
(assignment_expression left: (object_pattern (shorthand_property_identifier_pattern) @def.set))
(assignment_expression left: (_ (array_pattern (identifier) @def.set)))
(assignment_expression left: (_ (assignment_pattern left: (identifier) @def.set)))
(assignment_expression left: (_ (object_assignment_pattern left: (_) @def.set)))
(assignment_expression left: (_ (pair_pattern value: (identifier) @def.set)))
(assignment_expression left: (_ (rest_pattern (identifier) @def.set)))
(assignment_expression left: (_ (_ (array_pattern (identifier) @def.set))))
(assignment_expression left: (_ (_ (assignment_pattern left: (identifier) @def.set))))
(assignment_expression left: (_ (_ (object_pattern (shorthand_property_identifier_pattern) @def.set))))
(augmented_assignment_expression left: (identifier) @def.set.read)
(update_expression argument: (identifier) @def.set.read)
(assignment_expression left: [(member_expression) (subscript_expression)] @mut)
(assignment_expression left: (array_pattern [(member_expression) (subscript_expression)] @mut))
(augmented_assignment_expression left: [(member_expression) (subscript_expression)] @mut)
(update_expression argument: [(member_expression) (subscript_expression)] @mut)
(unary_expression operator: "delete" argument: (_) @mut)
(call_expression function: (member_expression object: (_) @object))

; ---- members reached through `this`
(call_expression function: (member_expression object: (this)) @attr.call)
(assignment_expression left: (member_expression object: (this)) @attr.def)
(assignment_expression left: (array_pattern (member_expression object: (this)) @attr.def))
(augmented_assignment_expression left: (member_expression object: (this)) @attr.def.read)
(update_expression argument: (member_expression object: (this)) @attr.def.read)
(assignment_expression left: (subscript_expression) @attr.mut)
(assignment_expression left: (member_expression object: (member_expression)) @attr.mut)
(assignment_expression left: (member_expression object: (subscript_expression)) @attr.mut)
(assignment_expression left: (array_pattern (subscript_expression) @attr.mut))
(augmented_assignment_expression left: (subscript_expression) @attr.mut)
(augmented_assignment_expression left: (member_expression object: (member_expression)) @attr.mut)
(augmented_assignment_expression left: (member_expression object: (subscript_expression)) @attr.mut)
(update_expression argument: (subscript_expression) @attr.mut)
(update_expression argument: (member_expression object: (member_expression)) @attr.mut)
(unary_expression operator: "delete" argument: (subscript_expression) @attr.mut)

; ---- names that are no uses
(pair key: (property_identifier) @ignore)
(pair_pattern key: (property_identifier) @ignore)
(object (method_definition name: (property_identifier) @ignore))
(import_specifier name: (identifier) @ignore alias: (_))
(export_specifier alias: (identifier) @ignore)
(export_statement (export_clause (export_specifier name: (identifier) @ignore)) source: (_))
(namespace_export (identifier) @ignore)
(call_expression function: (identifier) @call)
(new_expression constructor: (identifier) @call)

; ---- flow
(arguments [(arrow_function) (function_expression) (generator_function)] @flow.callback)
(call_expression function: (parenthesized_expression [(arrow_function) (function_expression)] @flow.callback))
(call_expression function: (function_expression) @flow.callback)
(if_statement) @flow.branch
(if_statement consequence: (_) @flow.alt)
(else_clause) @flow.alt.total
(switch_statement) @flow.switch
(switch_case) @flow.alt
(switch_default) @flow.alt.total
[(for_statement) (while_statement)] @flow.while
(for_in_statement) @flow.for
(do_statement) @flow.do
(while_statement condition: (parenthesized_expression (true))) @flow.inf
(while_statement condition: (parenthesized_expression (number))) @flow.inf
(for_statement condition: (empty_statement)) @flow.inf
(for_statement initializer: (_) @flow.init)
(for_statement increment: (_) @flow.step)
(for_statement body: (_) @flow.body)
(for_in_statement body: (_) @flow.body)
(while_statement body: (_) @flow.body)
(do_statement body: (_) @flow.body)
(try_statement) @flow.try
(try_statement body: (_) @flow.trybody)
(catch_clause) @flow.handler
(finally_clause) @flow.finally
(return_statement) @jump.return
(throw_statement) @jump.raise
(break_statement) @jump.break
(continue_statement) @jump.continue
(statement_identifier) @label

