; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items: a statement is what stands where statements do; conditions are parts of their headers
(program (_) @item)
(compound_statement "{" (_) @item)
(subshell (_) @item)
(do_group (_) @item)
(if_statement (_) @item)
(if_statement condition: (_) @item.absorb)
(elif_clause "then" (_) @item)
(else_clause (_) @item)
(case_item (_) @item)
(case_item value: (_) @item.absorb)
[(if_statement) (elif_clause) (else_clause) (case_statement) (case_item)
 (for_statement) (c_style_for_statement) (while_statement)] @item.header
(program [(compound_statement "{") (subshell)] @item.block)
(compound_statement [(compound_statement "{") (subshell)] @item.block)
(subshell [(compound_statement "{") (subshell)] @item.block)
(do_group [(compound_statement "{") (subshell)] @item.block)
(if_statement [(compound_statement "{") (subshell)] @item.block)
(elif_clause [(compound_statement "{") (subshell)] @item.block)
(else_clause [(compound_statement "{") (subshell)] @item.block)
(case_item [(compound_statement "{") (subshell)] @item.block)
(function_definition) @item.definition
; what is behind a loop or an if (a redirection, a pipe, an operator) is part of its header
(redirected_statement body: [(if_statement) (case_statement) (for_statement) (c_style_for_statement) (while_statement)]) @item.header
(redirected_statement body: [(if_statement) (case_statement) (for_statement) (c_style_for_statement) (while_statement)] @item.absorb)
(pipeline . [(if_statement) (case_statement) (for_statement) (c_style_for_statement) (while_statement)]) @item.header
(pipeline . [(if_statement) (case_statement) (for_statement) (c_style_for_statement) (while_statement)] @item.absorb)
(list . [(if_statement) (case_statement) (for_statement) (c_style_for_statement) (while_statement)]) @item.header
(list . [(if_statement) (case_statement) (for_statement) (c_style_for_statement) (while_statement)] @item.absorb)
(comment) @comment
(compound_statement "{") @body
[(do_group) (subshell)] @body
(if_statement "then" @body.run)
(elif_clause "then" @body.run)
(else_clause "else" @body.run)
(case_item ")" @body.run)

; ---- scopes
(function_definition) @scope.fn

; ---- definitions: a variable belongs to the whole program, unless a function declares it
(function_definition name: (word) @def.outer)
(variable_assignment name: (variable_name) @def.set)
(variable_assignment name: (variable_name) @def.set.read "+=")
(variable_assignment name: (subscript name: (variable_name) @def.set.read))
(variable_assignment name: (subscript name: (variable_name) @mut))
(declaration_command ["local" "declare" "typeset"] (variable_assignment name: (variable_name) @def.local))
(declaration_command ["local" "declare" "typeset"] (variable_name) @def)
(for_statement variable: (variable_name) @def.set)
(unset_command (variable_name) @def.del)
(binary_expression left: (variable_name) @def.set operator: "=")
(binary_expression left: (variable_name) @def.set.read
  operator: ["+=" "-=" "*=" "/=" "%=" "**=" "<<=" ">>=" "&=" "^=" "|="])
(unary_expression operator: ["++" "--"] (variable_name) @def.set.read)
(postfix_expression [(variable_name) (word)] @def.set.read)

; ---- words are no uses, but names of commands, and those in arithmetic that the grammar does not tell
(word) @ignore
(command_name (word) @call)
(subscript index: (word) @call)
(c_style_for_statement condition: (binary_expression (word) @call))
(c_style_for_statement condition: (binary_expression (binary_expression (word) @call)))

; ---- flow
[(if_statement) (case_statement) (list)] @flow.branch
(if_statement "then" @flow.alt.run)
(elif_clause) @flow.alt
(else_clause) @flow.alt.total
(case_item) @flow.alt
(case_statement (case_item . value: (extglob_pattern) . ")") @flow.alt.total .) ; the last pattern mostly is *
(list ["&&" "||"] . (_) @flow.alt)
(for_statement) @flow.for
[(while_statement) (c_style_for_statement)] @flow.while
(c_style_for_statement !condition) @flow.inf
(for_statement body: (_) @flow.body)
(while_statement body: (_) @flow.body)
(c_style_for_statement initializer: (_) @flow.init)
(c_style_for_statement update: (_) @flow.step)
(c_style_for_statement body: (_) @flow.body)
(command name: (command_name) @verb)
