; What JavaScript has beyond ecma.scm. The captures are described in codeblock/languages/loader.py.

[(field_definition) (using_declaration)] @item
(field_definition value: [(arrow_function body: (statement_block)) (function_expression)]) @item.definition
(formal_parameters (identifier) @def)
(class_declaration name: (identifier) @def.outer)
(class name: (identifier) @def)
(field_definition property: [(property_identifier) (private_property_identifier)] @def.outer)
(field_definition) @scope.lambda ; its value sees no members but through `this`
