; What C has beyond common.scm. The captures are described in codeblock/languages/loader.py.

(declaration declarator: (identifier) @def.declare)
(while_statement condition: (parenthesized_expression (true))) @flow.inf
(while_statement condition: (parenthesized_expression (number_literal))) @flow.inf
