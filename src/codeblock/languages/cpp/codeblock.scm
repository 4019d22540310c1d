; What C++ has beyond common.scm. The captures are described in codeblock/languages/loader.py.

; ---- items
[(alias_declaration) (co_return_statement) (co_yield_statement) (concept_definition) (friend_declaration) (namespace_alias_definition)
 (static_assert_declaration) (template_instantiation) (throw_statement) (using_declaration)] @item
[(catch_clause) (for_range_loop) (try_statement)] @item.header
[(namespace_definition) (template_declaration)] @item.definition
(class_specifier body: (_)) @item.definition
(declaration declarator: (init_declarator value: (lambda_expression))) @item.definition
(friend_declaration (function_definition)) @item.definition
(friend_declaration (_) @item.absorb)
(template_declaration (_) @item.absorb)
(init_statement (_) @item.absorb)
(condition_clause (declaration) @item.absorb)
(for_range_loop body: (_) @body)

; ---- scopes
(lambda_expression) @scope.fn
(argument_list (lambda_expression) @scope.lambda)
(call_expression function: (lambda_expression) @scope.lambda)
(class_specifier body: (_)) @scope.members
(struct_specifier body: (_)) @scope.members
(union_specifier body: (_)) @scope.members
(field_declaration declarator: (function_declarator parameters: (_) @scope.comp))
(field_declaration declarator: (_ (function_declarator parameters: (_) @scope.comp)))
[(catch_clause) (for_range_loop)] @scope.block
(if_statement condition: (condition_clause (declaration))) @scope.block
(if_statement condition: (condition_clause (init_statement))) @scope.block
(while_statement condition: (condition_clause (declaration))) @scope.block

; ---- definitions
; a declaration without a value constructs one, but of the types that are built in
(declaration declarator: (identifier) @def)
(declaration type: (primitive_type) declarator: (identifier) @def.declare !value)
(declaration type: (sized_type_specifier) declarator: (identifier) @def.declare !value)
; `T x(a);` looks like a function that has an `a`
(declaration type: (_) declarator: (function_declarator declarator: (identifier) @def parameters: (parameter_list . (parameter_declaration type: (type_identifier) !declarator))))
(compound_statement (declaration type: (_) declarator: (function_declarator declarator: (identifier) @def)))
(reference_declarator (identifier) @def)
(structured_binding_declarator (identifier) @def)
(optional_parameter_declaration declarator: (identifier) @def)
(variadic_declarator (identifier) @def)
(for_range_loop declarator: (identifier) @def)
(lambda_capture_initializer left: (identifier) @def)
(lambda_capture_specifier ["[" ","] . (identifier) @def.copy)
(class_specifier name: (type_identifier) @def.outer.hoist body: (_))
(struct_specifier name: (type_identifier) @def.outer.hoist body: (_))
(union_specifier name: (type_identifier) @def.outer.hoist body: (_))
(namespace_definition name: (namespace_identifier) @def)
(alias_declaration name: (type_identifier) @def)
(field_declaration declarator: (field_identifier) @def.hoist)
(field_declaration type: (primitive_type) declarator: (field_identifier) @def.declare !default_value)
(field_declaration type: (sized_type_specifier) declarator: (field_identifier) @def.declare !default_value)
(field_declaration declarator: (_ (field_identifier) @def.hoist))
(field_declaration declarator: (pointer_declarator declarator: (field_identifier) @def.declare) !default_value)
(field_declaration declarator: (function_declarator declarator: (field_identifier) @def.declare))
(field_declaration declarator: (_ (function_declarator declarator: (field_identifier) @def.declare)))
(function_definition declarator: (function_declarator declarator: (field_identifier) @def.outer.hoist))
(function_definition declarator: (_ (function_declarator declarator: (field_identifier) @def.outer.hoist)))
(function_definition type: (_) declarator: (function_declarator declarator: (qualified_identifier name: (identifier) @def.outer.hoist)))
(function_definition type: (_) declarator: (_ (function_declarator declarator: (qualified_identifier name: (identifier) @def.outer.hoist))))
(function_definition type: (_) declarator: (function_declarator declarator: (qualified_identifier name: (qualified_identifier name: (identifier) @def.outer.hoist))))
(function_declarator declarator: (qualified_identifier scope: (namespace_identifier) @within))
(function_declarator declarator: (qualified_identifier name: (qualified_identifier scope: (namespace_identifier) @within)))
(function_declarator declarator: (qualified_identifier scope: (template_type name: (type_identifier) @within)))
(field_initializer (field_identifier) @def.outer.set) ; of the class, even where a parameter has its name
; as in `v.back()++`
(assignment_expression left: (call_expression function: (field_expression)) @mut)
(update_expression argument: (call_expression function: (field_expression)) @mut)
(call_expression function: (field_expression argument: (_) @object))
; what streams read, as in `cin >> a >> b`
(expression_statement (binary_expression operator: ">>" right: (_) @mut))
(expression_statement (binary_expression left: (binary_expression operator: ">>" right: (_) @mut)))
(expression_statement (binary_expression left: (binary_expression left: (binary_expression operator: ">>" right: (_) @mut))))
(parameter_pack_expansion pattern: (binary_expression operator: ">>" right: (_) @mut)) ; outside of functions
(parameter_pack_expansion pattern: (binary_expression left: (binary_expression operator: ">>" right: (_) @mut)))
(condition_clause value: (binary_expression operator: ">>" right: (_) @mut))
(condition_clause value: (binary_expression left: (binary_expression operator: ">>" right: (_) @mut)))

; ---- members reached through `this`
(assignment_expression left: (field_expression argument: (this)) @attr.def)
(assignment_expression left: (field_expression argument: (this)) @attr.def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^="])
(update_expression argument: (field_expression argument: (this)) @attr.def.read)
(assignment_expression left: (_ argument: (field_expression argument: (this)) @attr.mut))
(assignment_expression left: (_ argument: (_ argument: (field_expression argument: (this)) @attr.mut)))
(update_expression argument: (_ argument: (field_expression argument: (this)) @attr.mut))
(call_expression function: (field_expression argument: (this)) @attr.call)

; ---- names that are no uses
(qualified_identifier name: (_) @ignore)
(using_declaration (identifier) @ignore)
(destructor_name (identifier) @ignore)
(function_definition !type declarator: (function_declarator declarator: (identifier) @ignore))
(lambda_capture_specifier "&" . (identifier) @outer)
(lambda_capture_initializer right: (_) @outer)
(function_definition type: (template_type) @outer)
(parameter_declaration type: (template_type) @outer)
(optional_parameter_declaration type: (_) @outer)
(optional_parameter_declaration default_value: (_) @outer)
(new_expression type: (type_identifier) @call)
(new_expression type: (template_type name: (type_identifier) @call))

; ---- flow
(argument_list (lambda_expression) @flow.callback)
(call_expression function: (lambda_expression) @flow.callback)
(for_range_loop) @flow.for
(for_range_loop body: (_) @flow.body)
(while_statement condition: (condition_clause value: (true))) @flow.inf
(while_statement condition: (condition_clause value: (number_literal))) @flow.inf
(try_statement) @flow.try
(try_statement body: (_) @flow.trybody)
(catch_clause) @flow.handler
(throw_statement) @jump.raise
(co_return_statement) @jump.return
