; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(annotation_type_element_declaration) (assert_statement) (break_statement) (constant_declaration) (continue_statement)
 (enum_constant) (explicit_constructor_invocation) (expression_statement) (field_declaration) (import_declaration)
 (local_variable_declaration) (package_declaration) (return_statement) (throw_statement) (yield_statement)] @item
[(catch_clause) (do_statement) (enhanced_for_statement) (finally_clause) (for_statement) (if_statement) (labeled_statement)
 (switch_block_statement_group) (switch_rule) (synchronized_statement) (try_statement)
 (try_with_resources_statement) (while_statement)] @item.header
[(annotation_type_declaration) (class_declaration) (compact_constructor_declaration) (constructor_declaration) (enum_declaration)
 (interface_declaration) (method_declaration) (record_declaration) (static_initializer)] @item.definition
(for_statement init: (_) @item.absorb)
(labeled_statement (identifier) (_) @item.absorb)
[(exports_module_directive) (opens_module_directive) (provides_module_directive) (requires_module_directive)
 (uses_module_directive)] @item
(module_declaration) @item.definition
; as a value, it is part of a statement
(block (switch_expression) @item.header)
(program (switch_expression) @item.header)
(constructor_body (switch_expression) @item.header)
(switch_block_statement_group (switch_expression) @item.header)
(if_statement consequence: (switch_expression) @item.header)
(if_statement alternative: (switch_expression) @item.header)
(for_statement body: (switch_expression) @item.header)
(enhanced_for_statement body: (switch_expression) @item.header)
(while_statement body: (switch_expression) @item.header)
(do_statement body: (switch_expression) @item.header)
(block (block) @item.block)
(program (block) @item.block)
(constructor_body (block) @item.block)
(class_body (block) @item.block) ; an initialiser
(enum_body_declarations (block) @item.block)
[(block_comment) (line_comment)] @comment
[(annotation_type_body) (block) (class_body) (constructor_body) (enum_body) (interface_body) (module_body)
 (switch_block)] @body
(if_statement consequence: (_) @body)
(if_statement alternative: (_) @body)
(for_statement body: (_) @body)
(enhanced_for_statement body: (_) @body)
(while_statement body: (_) @body)
(do_statement body: (_) @body)
(switch_rule (expression_statement) @body)
(switch_rule (throw_statement) @body)
(switch_block_statement_group ":" @body.run)

; ---- scopes
[(compact_constructor_declaration) (constructor_declaration) (lambda_expression) (method_declaration)] @scope.fn
(argument_list (lambda_expression) @scope.lambda)
[(class_declaration) (enum_declaration) (interface_declaration) (record_declaration)] @scope.members
(object_creation_expression (class_body) @scope.members)
(enum_constant (class_body) @scope.members)
[(block) (catch_clause) (enhanced_for_statement) (for_statement) (switch_block) (try_with_resources_statement)] @scope.block

; ---- definitions
(local_variable_declaration declarator: (variable_declarator name: (identifier) @def))
(local_variable_declaration declarator: (variable_declarator name: (identifier) @def.declare !value))
(field_declaration declarator: (variable_declarator name: (identifier) @def.hoist)) ; without a value, it is 0 or null
(constant_declaration declarator: (variable_declarator name: (identifier) @def.hoist))
(enum_constant name: (identifier) @def.hoist)
(formal_parameter name: (identifier) @def)
(spread_parameter (variable_declarator name: (identifier) @def))
(catch_formal_parameter name: (identifier) @def)
(resource name: (identifier) @def)
(enhanced_for_statement name: (identifier) @def)
(inferred_parameters (identifier) @def)
(lambda_expression parameters: (identifier) @def)
(type_pattern (identifier) @def)
(record_pattern_component (identifier) @def)
(instanceof_expression name: (identifier) @def)
(method_declaration name: (identifier) @def.outer.hoist)
(class_declaration name: (identifier) @def.outer.hoist)
(interface_declaration name: (identifier) @def.outer.hoist)
(enum_declaration name: (identifier) @def.outer.hoist)
(record_declaration name: (identifier) @def.outer.hoist)
(assignment_expression left: (identifier) @def.set)
(assignment_expression left: (identifier) @def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" ">>>="])
(update_expression (identifier) @def.set.read)
; the base of `a[i]`, `a.b`, `a[i].b`, `a[i][j]`, but not the `f` of `f(x)[i]`
(assignment_expression left: [(array_access) (field_access)] @mut)
(update_expression [(array_access) (field_access)] @mut)
(method_invocation object: (_) @object)

; ---- members reached through `this`
(assignment_expression left: (field_access object: (this)) @attr.def)
(assignment_expression left: (field_access object: (this)) @attr.def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" ">>>="])
(update_expression (field_access object: (this)) @attr.def.read)
(assignment_expression left: (array_access) @attr.mut)
(assignment_expression left: (field_access object: (array_access)) @attr.mut)
(assignment_expression left: (field_access object: (field_access)) @attr.mut)
(update_expression (array_access) @attr.mut)
(update_expression (field_access object: (field_access)) @attr.mut)
(method_invocation object: (this)) @attr.call

; ---- names that are no uses
(constructor_declaration name: (identifier) @ignore)
(compact_constructor_declaration name: (identifier) @ignore)
(import_declaration (identifier) @ignore)
(import_declaration (scoped_identifier) @ignore)
(module_body (_ (identifier) @ignore))
(module_body (_ (scoped_identifier) @ignore))
(module_declaration name: (_) @ignore)
(package_declaration (identifier) @ignore)
(package_declaration (scoped_identifier) @ignore)
(labeled_statement . (identifier) @ignore)
(break_statement (identifier) @ignore)
(continue_statement (identifier) @ignore)
(element_value_pair key: (identifier) @ignore)
(marker_annotation name: (identifier) @ignore)
(annotation name: (identifier) @ignore)
(method_invocation !object name: (identifier) @call)
(object_creation_expression type: (type_identifier) @call)
(object_creation_expression type: (generic_type (type_identifier) @call))

; ---- values
(switch_expression) @value
(switch_rule (expression_statement) @tail)
(yield_statement (_) @tail)

; ---- flow
(argument_list (lambda_expression) @flow.callback)
(if_statement) @flow.branch
(if_statement consequence: (_) @flow.alt)
(if_statement alternative: (_) @flow.alt.total)
(switch_expression body: (switch_block (switch_rule))) @flow.cases
(switch_expression body: (switch_block (switch_block_statement_group))) @flow.switch
[(switch_block_statement_group) (switch_rule)] @flow.alt
(switch_block_statement_group (switch_label "default")) @flow.alt.total
(switch_rule (switch_label "default")) @flow.alt.total
[(for_statement) (while_statement)] @flow.while
(enhanced_for_statement) @flow.for
(do_statement) @flow.do
(while_statement condition: (parenthesized_expression (true))) @flow.inf
(for_statement !condition) @flow.inf
(for_statement init: (_) @flow.init)
(for_statement update: (_) @flow.step)
(for_statement body: (_) @flow.body)
(enhanced_for_statement body: (_) @flow.body)
(while_statement body: (_) @flow.body)
(while_statement body: ";" @flow.body) ; has no name
(for_statement body: ";" @flow.body)
(do_statement body: (_) @flow.body)
[(try_statement) (try_with_resources_statement)] @flow.try
(try_statement body: (_) @flow.trybody)
(try_with_resources_statement body: (_) @flow.trybody)
(catch_clause) @flow.handler
(finally_clause) @flow.finally
(return_statement) @jump.return
(throw_statement) @jump.raise
[(break_statement) (yield_statement)] @jump.break
(continue_statement) @jump.continue
(labeled_statement . (identifier) @label)
(break_statement (identifier) @label)
(continue_statement (identifier) @label)
