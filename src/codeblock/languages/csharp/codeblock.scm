; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(break_statement) (continue_statement) (delegate_declaration) (empty_statement) (enum_member_declaration)
 (event_field_declaration) (expression_statement) (extern_alias_directive) (field_declaration) (file_scoped_namespace_declaration)
 (global_attribute) (goto_statement) (local_declaration_statement) (preproc_define) (preproc_endregion) (preproc_line)
 (preproc_nullable) (preproc_pragma) (preproc_region) (preproc_undef) (return_statement) (switch_expression_arm) (throw_statement)
 (using_directive) (yield_statement)] @item
[(accessor_declaration) (catch_clause) (checked_statement) (do_statement) (finally_clause) (fixed_statement) (for_statement)
 (foreach_statement) (if_statement) (labeled_statement) (lock_statement) (preproc_elif) (preproc_else) (preproc_if)
 (switch_section) (switch_statement) (try_statement) (unsafe_statement) (using_statement)
 (while_statement)] @item.header
[(class_declaration) (constructor_declaration) (conversion_operator_declaration) (destructor_declaration) (enum_declaration)
 (event_declaration) (indexer_declaration) (interface_declaration) (local_function_statement) (method_declaration)
 (namespace_declaration) (operator_declaration) (property_declaration) (record_declaration) (struct_declaration)] @item.definition
(labeled_statement (identifier) (_) @item.absorb)
(block (block) @item.block)
(global_statement (block) @item.block)
(comment) @comment
[(accessor_list) (block) (declaration_list) (enum_member_declaration_list) (switch_body)] @body
(if_statement consequence: (_) @body)
(if_statement alternative: (_) @body)
(for_statement body: (_) @body)
(foreach_statement body: (_) @body)
(while_statement body: (_) @body)
(do_statement body: (_) @body)
(using_statement body: (_) @body)
(switch_section ":" @body.run)

; ---- scopes
[(accessor_declaration) (anonymous_method_expression) (constructor_declaration) (conversion_operator_declaration) (destructor_declaration)
 (lambda_expression) (local_function_statement) (method_declaration) (operator_declaration)] @scope.fn
(property_declaration value: (arrow_expression_clause) @scope.fn)
(indexer_declaration) @scope.fn
(argument [(anonymous_method_expression) (lambda_expression)] @scope.lambda)
[(class_declaration) (enum_declaration) (interface_declaration) (record_declaration) (struct_declaration)] @scope.members
[(block) (catch_clause) (for_statement) (foreach_statement) (switch_body) (switch_expression_arm) (using_statement)] @scope.block
(query_expression) @scope.comp

; ---- definitions
(variable_declarator name: (identifier) @def)
(local_declaration_statement (variable_declaration (variable_declarator . (identifier) @def.declare .)))
(variable_declarator . (identifier) @def.local "this" .) ; has a value, but one that the pattern above takes for a sign
(field_declaration (variable_declaration (variable_declarator name: (identifier) @def.hoist))) ; without a value, it is 0 or null
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @def.hoist)))
(property_declaration name: (identifier) @def.hoist)
(enum_member_declaration name: (identifier) @def.hoist)
(parameter name: (identifier) @def)
(parameter_list name: (identifier) @def)
(implicit_parameter) @def
(catch_declaration name: (identifier) @def)
(foreach_statement left: (identifier) @def)
(tuple_pattern name: (identifier) @def)
(declaration_expression name: (identifier) @def)
(declaration_pattern name: (identifier) @def.now)
(recursive_pattern name: (identifier) @def.now)
(from_clause name: (identifier) @def)
(let_clause . (identifier) @def)
(join_clause . (identifier) @def)
(join_into_clause (identifier) @def)
(query_expression "into" . (identifier) @def)
(method_declaration name: (identifier) @def.outer.hoist)
(local_function_statement name: (identifier) @def.outer.hoist)
(class_declaration name: (identifier) @def.outer.hoist)
(interface_declaration name: (identifier) @def.outer.hoist)
(enum_declaration name: (identifier) @def.outer.hoist)
(record_declaration name: (identifier) @def.outer.hoist)
(struct_declaration name: (identifier) @def.outer.hoist)
(delegate_declaration name: (identifier) @def.hoist)
(assignment_expression left: (identifier) @def.set)
(assignment_expression left: (identifier) @def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" "??="])
(assignment_expression left: (tuple_expression (argument (identifier) @def.set)))
(postfix_unary_expression (identifier) @def.set.read ["++" "--"])
(prefix_unary_expression ["++" "--"] (identifier) @def.set.read)
(argument "out" (identifier) @def.set)
(argument "ref" (identifier) @mut)
; the base of `a[i]`, `a.b`, `a[i].b`, `a!.b`, but not the `f` of `f(x)[i]`
(assignment_expression left: [(element_access_expression) (member_access_expression)] @mut)
(postfix_unary_expression [(element_access_expression) (member_access_expression)] @mut ["++" "--"])
(invocation_expression function: (member_access_expression expression: (_) @object))

; ---- members reached through `this`
(assignment_expression left: (member_access_expression expression: "this") @attr.def)
(assignment_expression left: (member_access_expression expression: "this") @attr.def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" "??="])
(postfix_unary_expression (member_access_expression expression: "this") @attr.def.read ["++" "--"])
(prefix_unary_expression ["++" "--"] (member_access_expression expression: "this") @attr.def.read)
(assignment_expression left: (element_access_expression) @attr.mut)
(assignment_expression left: (member_access_expression expression: (element_access_expression)) @attr.mut)
(assignment_expression left: (member_access_expression expression: (member_access_expression)) @attr.mut)
(postfix_unary_expression (element_access_expression) @attr.mut ["++" "--"])
(postfix_unary_expression (member_access_expression expression: (member_access_expression)) @attr.mut ["++" "--"])
(invocation_expression function: (member_access_expression expression: "this") @attr.call)

; ---- names that are no uses
(constructor_declaration name: (identifier) @ignore)
(destructor_declaration name: (identifier) @ignore)
(using_directive (identifier) @ignore)
(using_directive (qualified_name) @ignore)
(namespace_declaration name: (_) @ignore)
(file_scoped_namespace_declaration name: (_) @ignore)
(labeled_statement . (identifier) @ignore)
(goto_statement (identifier) @ignore)
(attribute name: (identifier) @ignore)
(argument name: (identifier) @ignore)
(subpattern (identifier) @ignore)
(tuple_element name: (identifier) @ignore)
(attribute_argument name: (identifier) @ignore)
(anonymous_object_creation_expression (identifier) @ignore . "=")
(with_initializer . (identifier) @ignore)
; sets a member of the new object
(initializer_expression (assignment_expression left: (identifier) @def.declare))
(invocation_expression function: (identifier) @call)
(object_creation_expression type: (identifier) @call)
(object_creation_expression type: (generic_name (identifier) @call))

; ---- values
(switch_expression) @value
(switch_expression_arm (_) @tail .)

; ---- flow
(argument [(anonymous_method_expression) (lambda_expression)] @flow.callback)
(if_statement) @flow.branch
(if_statement consequence: (_) @flow.alt)
(if_statement alternative: (_) @flow.alt.total)
[(switch_expression) (switch_statement)] @flow.cases
(switch_section) @flow.alt
(switch_section "default") @flow.alt.total
(switch_expression_arm) @flow.alt.total ; some arm is always taken
[(for_statement) (while_statement)] @flow.while
(foreach_statement) @flow.for
(do_statement) @flow.do
(while_statement condition: (boolean_literal "true")) @flow.inf
(for_statement !condition) @flow.inf
(for_statement initializer: (_) @flow.init)
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
(yield_statement "break") @jump.return
(throw_statement) @jump.raise
(switch_expression_arm (throw_expression) @jump.raise)
(break_statement) @jump.break
(continue_statement) @jump.continue
