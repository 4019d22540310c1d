; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(break_statement) (const_declaration) (continue_statement) (declare_statement) (echo_statement) (enum_case) (exit_statement)
 (expression_statement) (function_static_declaration) (global_declaration) (goto_statement) (named_label_statement)
 (namespace_use_declaration) (php_end_tag) (php_tag) (property_declaration) (return_statement) (unset_statement) (use_declaration)] @item
[(case_statement) (catch_clause) (default_statement) (do_statement) (else_clause) (else_if_clause) (finally_clause) (for_statement)
 (foreach_statement) (if_statement) (switch_statement) (try_statement) (while_statement)] @item.header
[(class_declaration) (enum_declaration) (function_definition) (interface_declaration) (method_declaration) (namespace_definition)
 (trait_declaration)] @item.definition
(compound_statement (compound_statement) @item.block)
(program (compound_statement) @item.block)
(comment) @comment
[(colon_block) (compound_statement) (declaration_list) (enum_declaration_list) (switch_block)] @body
(if_statement body: (_) @body)
(else_if_clause body: (_) @body)
(else_clause body: (_) @body)
(for_statement body: (_) @body)
(foreach_statement body: (_) @body)
(while_statement body: (_) @body)
(do_statement body: (_) @body)

; ---- scopes: functions see no variables around them
[(anonymous_function) (function_definition) (method_declaration)] @scope.sealed
(arrow_function) @scope.fn
(argument (anonymous_function) @scope.lambda)
(argument (arrow_function) @scope.lambda)
[(anonymous_class) (class_declaration) (enum_declaration) (interface_declaration) (trait_declaration)] @scope.class

; ---- definitions
(assignment_expression left: (variable_name) @def)
(augmented_assignment_expression left: (variable_name) @def.reuse.read)
(update_expression argument: (variable_name) @def.reuse.read)
(reference_assignment_expression left: (variable_name) @def)
(list_literal (variable_name) @def)
(list_literal (list_literal (variable_name) @def))
(foreach_statement . (_) . (variable_name) @def)
(foreach_statement . (_) . (pair (variable_name) @def))
(foreach_statement . (_) . (by_ref (variable_name) @def))
(foreach_statement . (_) . (pair (by_ref (variable_name) @def)))
(simple_parameter name: (variable_name) @def)
(variadic_parameter name: (variable_name) @def)
(property_promotion_parameter name: (variable_name) @def.member)
(anonymous_function_use_clause (variable_name) @def.copy)
(anonymous_function_use_clause (by_ref (variable_name) @def.nonlocal))
(catch_clause name: (variable_name) @def)
(static_variable_declaration name: (variable_name) @def)
(global_declaration (variable_name) @def.global)
(unset_statement (variable_name) @def.del)
(property_element name: (variable_name) @def)
(property_element name: (variable_name) @def.declare !default_value)
(const_element . (name) @def.hoist)
(enum_case name: (name) @ignore)
(function_definition name: (name) @def.outer.hoist)
(method_declaration name: (name) @def.outer)
(class_declaration name: (name) @def.outer.hoist)
(interface_declaration name: (name) @def.outer.hoist)
(trait_declaration name: (name) @def.outer.hoist)
(enum_declaration name: (name) @def.outer.hoist)
(namespace_use_clause !alias . (name) @def)
(namespace_use_clause !alias (qualified_name (name) @def))
(namespace_use_clause alias: (name) @def)
; what such a node begins with is the variable
(assignment_expression left: (subscript_expression) @mut)
; what is no array yet becomes one
(assignment_expression left: (subscript_expression . (variable_name) @mut.reuse))
(assignment_expression left: (subscript_expression . (subscript_expression . (variable_name) @mut.reuse)))
(assignment_expression left: (subscript_expression . (subscript_expression . (subscript_expression . (variable_name) @mut.reuse))))
(augmented_assignment_expression left: (subscript_expression . (variable_name) @mut.reuse))
(augmented_assignment_expression left: (subscript_expression . (subscript_expression . (variable_name) @mut.reuse)))
(assignment_expression left: (member_access_expression) @mut)
(augmented_assignment_expression left: (subscript_expression) @mut)
(augmented_assignment_expression left: (member_access_expression) @mut)
(update_expression argument: (subscript_expression) @mut)
(update_expression argument: (member_access_expression) @mut)
(list_literal (subscript_expression) @mut)
(unset_statement (subscript_expression) @mut)
(member_call_expression object: (_) @object)

; ---- members reached through `$this` and `self`
(assignment_expression left: (member_access_expression object: (variable_name)) @attr.def)
(augmented_assignment_expression left: (member_access_expression object: (variable_name)) @attr.def.read)
(update_expression argument: (member_access_expression object: (variable_name)) @attr.def.read)
(list_literal (member_access_expression object: (variable_name)) @attr.def)
(assignment_expression left: (member_access_expression object: (member_access_expression)) @attr.mut)
(assignment_expression left: (subscript_expression) @attr.mut)
(augmented_assignment_expression left: (subscript_expression) @attr.mut)
(update_expression argument: (subscript_expression) @attr.mut)
(list_literal (subscript_expression) @attr.mut)
(unset_statement (subscript_expression) @attr.mut)
(assignment_expression left: (scoped_property_access_expression) @attr.def)
(augmented_assignment_expression left: (scoped_property_access_expression) @attr.def.read)
(update_expression argument: (scoped_property_access_expression) @attr.def.read)
(member_call_expression object: (variable_name)) @attr.call
(scoped_call_expression scope: (relative_scope)) @attr.call

; ---- names that are no uses
(argument name: (name) @ignore)
(namespace_name (name) @ignore)
(named_label_statement (name) @ignore)
(goto_statement (name) @ignore)
(function_call_expression function: (name) @call)
(object_creation_expression (name) @call)
(object_creation_expression (qualified_name (name) @call))
(expression_statement (function_call_expression function: (name) @verb))

; ---- flow
(argument (anonymous_function) @flow.callback)
(argument (arrow_function) @flow.callback)
(if_statement) @flow.branch
(if_statement body: (_) @flow.alt)
(else_if_clause) @flow.alt
(else_clause) @flow.alt.total
(switch_statement) @flow.switch
(case_statement) @flow.alt
(default_statement) @flow.alt.total
[(for_statement) (while_statement)] @flow.while
(foreach_statement) @flow.for
(do_statement) @flow.do
(while_statement condition: (parenthesized_expression (boolean))) @flow.inf
(while_statement condition: (parenthesized_expression (integer))) @flow.inf
(for_statement !condition) @flow.inf
(for_statement initialize: (_) @flow.init)
(for_statement update: (_) @flow.step)
(for_statement body: (_) @flow.body)
(foreach_statement body: (_) @flow.body)
(while_statement body: (_) @flow.body)
(do_statement body: (_) @flow.body)
(try_statement) @flow.try
(try_statement body: (_) @flow.trybody)
(catch_clause) @flow.handler
(finally_clause) @flow.finally
(return_statement) @jump.return
(exit_statement) @jump.raise
(expression_statement (throw_expression) @jump.raise)
(break_statement) @jump.break
(continue_statement) @jump.continue
