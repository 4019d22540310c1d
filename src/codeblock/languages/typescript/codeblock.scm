; What TypeScript has beyond ecma.scm. The captures are described in codeblock/languages/loader.py.

; ---- items
[(abstract_method_signature) (ambient_declaration) (call_signature) (construct_signature) (enum_assignment) (function_signature)
 (import_alias) (index_signature) (method_signature) (property_signature) (public_field_definition) (type_alias_declaration)] @item
(public_field_definition value: [(arrow_function body: (statement_block)) (function_expression)]) @item.definition
(enum_body name: (property_identifier) @item)
(class_body (decorator) @item) ; of a method; that of a class or field is part of it
; in an object type they are parts of it
(object_type [(call_signature) (construct_signature) (index_signature) (method_signature) (property_signature)] @item.absorb)
[(abstract_class_declaration) (enum_declaration) (interface_declaration) (internal_module) (module)] @item.definition
(export_statement declaration: [(abstract_class_declaration) (enum_declaration) (interface_declaration) (internal_module) (module)]) @item.definition
(expression_statement (internal_module)) @item.definition
(expression_statement (internal_module) @item.absorb)
(ambient_declaration [(class_declaration) (interface_declaration) (module) (statement_block)]) @item.definition
(ambient_declaration (_) @item.absorb)
[(enum_body) (interface_body)] @body

; ---- scopes and definitions
(interface_declaration) @scope.class
(abstract_class_declaration) @scope.block
(public_field_definition) @scope.lambda ; its value sees no members but through `this`
; their parameters are of nobody's concern
[(abstract_method_signature) (call_signature) (construct_signature) (constructor_type) (function_signature) (function_type)
 (method_signature) (type_alias_declaration)] @scope.lambda
(class name: (type_identifier) @def)
(class_declaration name: (type_identifier) @def.outer)
(abstract_class_declaration name: (type_identifier) @def.outer)
(interface_declaration name: (type_identifier) @def.outer.hoist)
(type_alias_declaration name: (type_identifier) @def.outer.hoist)
(type_parameter name: (type_identifier) @def)
(mapped_type_clause name: (type_identifier) @def)
(infer_type (type_identifier) @def)
(enum_declaration name: (identifier) @def.hoist)
(internal_module name: (identifier) @def)
(function_signature name: (identifier) @def.outer.hoist)
(class_body (abstract_method_signature name: (property_identifier) @def.outer))
(class_body (method_signature name: (property_identifier) @def.outer))
(required_parameter pattern: (identifier) @def)
(optional_parameter pattern: (identifier) @def)
; a parameter that is a field: the rest of the class needs it more than the constructor does
(required_parameter (accessibility_modifier) pattern: (identifier) @def.outer)
(required_parameter "readonly" pattern: (identifier) @def.outer)
(public_field_definition name: [(property_identifier) (private_property_identifier)] @def.outer)
(public_field_definition name: [(property_identifier) (private_property_identifier)] @def.outer.declare !value)
(import_alias . (identifier) @def)
(import_require_clause (identifier) @def)

; ---- names that are no uses
(type_predicate name: (identifier) @ignore)
(property_signature name: (property_identifier) @ignore)
(method_signature name: (property_identifier) @ignore)
(index_signature name: (identifier) @ignore)
(tuple_type (_ name: (identifier) @ignore))
(enum_assignment name: (property_identifier) @ignore)
(enum_body name: (property_identifier) @ignore)
