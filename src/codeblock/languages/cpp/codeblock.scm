; What C++ has beyond common.scm. The captures are described in codeblock/languages/loader.py.

; ---- items
[(alias_declaration) (co_return_statement) (co_yield_statement) (concept_definition) (friend_declaration) (namespace_alias_definition)
 (static_assert_declaration) (template_instantiation) (throw_statement) (using_declaration)] @item
[(catch_clause) (for_range_loop) (try_statement)] @item.header
[(linkage_specification) (namespace_definition) (template_declaration)] @item.definition
(class_specifier body: (_)) @item.definition
(template_declaration (_) @item.absorb)
(for_range_loop body: (_) @body)
(init_statement (_) @item.absorb)

; ---- scopes
(lambda_expression) @scope.fn
(argument_list (lambda_expression) @scope.lambda)
(class_specifier body: (_)) @scope.members
(struct_specifier body: (_)) @scope.members
[(catch_clause) (for_range_loop) (if_statement)] @scope.block

; ---- definitions
; a declaration without a value constructs one
(declaration declarator: (identifier) @def)
(reference_declarator (identifier) @def)
(structured_binding_declarator (identifier) @def)
(optional_parameter_declaration declarator: (identifier) @def)
(for_range_loop declarator: (identifier) @def)
(lambda_capture_initializer left: (identifier) @def)
(class_specifier name: (type_identifier) @def.outer.hoist body: (_))
(struct_specifier name: (type_identifier) @def.outer body: (_))
(alias_declaration name: (type_identifier) @def)
(field_declaration declarator: (field_identifier) @def.hoist)
(field_declaration declarator: (pointer_declarator declarator: (field_identifier) @def.hoist))
(field_declaration declarator: (array_declarator declarator: (field_identifier) @def.hoist))
(field_declaration declarator: (reference_declarator (field_identifier) @def.hoist))
(field_declaration declarator: (function_declarator declarator: (field_identifier) @ignore))
(field_declaration declarator: (function_declarator) @scope.comp)
(field_declaration declarator: (pointer_declarator declarator: (function_declarator) @scope.comp))
(function_definition declarator: (function_declarator declarator: (field_identifier) @def.outer.hoist))
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @def.outer.hoist)))
(function_definition declarator: (reference_declarator (function_declarator declarator: (field_identifier) @def.outer.hoist)))
(function_definition declarator: (reference_declarator (function_declarator declarator: (identifier) @def.outer.hoist)))
(field_initializer (field_identifier) @def.set)

; ---- members reached through `this`
(assignment_expression left: (field_expression argument: (this)) @attr.def)
(assignment_expression left: (field_expression argument: (this)) @attr.def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^="])
(update_expression argument: (field_expression argument: (this)) @attr.def.read)
(assignment_expression left: (subscript_expression argument: (field_expression argument: (this)) @attr.mut))
(call_expression function: (field_expression argument: (this)) @attr.call)

; ---- names that are no uses
(using_declaration (identifier) @ignore)
(new_expression type: (type_identifier) @call)

; ---- flow
(argument_list (lambda_expression) @flow.callback)
(for_range_loop) @flow.for
(for_range_loop body: (_) @flow.body)
(while_statement condition: (condition_clause value: (true))) @flow.inf
(while_statement condition: (condition_clause value: (number_literal))) @flow.inf
(try_statement) @flow.try
(try_statement body: (_) @flow.trybody)
(catch_clause) @flow.handler
(throw_statement) @jump.raise
(co_return_statement) @jump.return
