; What TypeScript has beyond ecma.scm. The captures are described in codeblock/languages/loader.py.

; ---- items
[(abstract_method_signature) (call_signature) (construct_signature) (enum_assignment) (function_signature) (import_alias)
 (index_signature) (method_signature) (property_signature) (public_field_definition) (type_alias_declaration)] @item
(enum_body name: (property_identifier) @item)
; in an object type they are parts of it
(object_type [(call_signature) (construct_signature) (index_signature) (method_signature) (property_signature)] @item.absorb)
[(abstract_class_declaration) (ambient_declaration) (enum_declaration) (interface_declaration) (internal_module) (module)] @item.definition
(export_statement declaration: [(abstract_class_declaration) (enum_declaration) (interface_declaration) (internal_module) (module)]) @item.definition
(expression_statement (internal_module) @item.absorb)
(ambient_declaration (_) @item.absorb)
[(enum_body) (interface_body)] @body

; ---- scopes and definitions
(abstract_class_declaration) @scope.class
(class_declaration name: (type_identifier) @def.outer)
(abstract_class_declaration name: (type_identifier) @def.outer)
(enum_declaration name: (identifier) @def.hoist)
(required_parameter pattern: (identifier) @def)
(optional_parameter pattern: (identifier) @def)
(public_field_definition name: [(property_identifier) (private_property_identifier)] @def)
(public_field_definition name: [(property_identifier) (private_property_identifier)] @def.declare !value)
(import_alias . (identifier) @def)

; ---- names that are no uses
(type_predicate name: (identifier) @ignore)
(property_signature name: (property_identifier) @ignore)
(method_signature name: (property_identifier) @ignore)
(abstract_method_signature name: (property_identifier) @ignore)
(function_signature name: (identifier) @ignore)
(function_signature parameters: (formal_parameters (required_parameter pattern: (identifier) @ignore)))
(enum_assignment name: (property_identifier) @ignore)
(enum_body name: (property_identifier) @ignore)
(function_type parameters: (formal_parameters (required_parameter pattern: (identifier) @ignore)))
(function_type parameters: (formal_parameters (optional_parameter pattern: (identifier) @ignore)))
(method_signature parameters: (formal_parameters (required_parameter pattern: (identifier) @ignore)))
(method_signature parameters: (formal_parameters (optional_parameter pattern: (identifier) @ignore)))
(internal_module name: (identifier) @ignore)
