; What JavaScript has beyond ecma.scm. The captures are described in codeblock/languages/loader.py.

[(field_definition) (using_declaration)] @item
(using_declaration (variable_declarator name: (identifier) @def))
(formal_parameters (identifier) @def)
(formal_parameters (assignment_pattern left: (identifier) @def))
(class_declaration name: (identifier) @def.outer)
(field_definition property: [(property_identifier) (private_property_identifier)] @def)
