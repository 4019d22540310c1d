; What C and C++ have in common. One capture per pattern, no predicates.

; ---- items
[(break_statement) (continue_statement) (declaration) (enumerator) (expression_statement) (field_declaration) (goto_statement)
 (preproc_call) (preproc_def) (preproc_function_def) (preproc_include) (return_statement) (type_definition)] @item
[(case_statement) (do_statement) (else_clause) (for_statement) (if_statement) (labeled_statement) (preproc_elif) (preproc_else)
 (preproc_if) (preproc_ifdef) (switch_statement) (while_statement)] @item.header
(function_definition) @item.definition
(struct_specifier body: (_)) @item.definition
(union_specifier body: (_)) @item.definition
(enum_specifier body: (_)) @item.definition
(type_definition type: (_) @item.absorb)
(declaration type: (_) @item.absorb)
(field_declaration type: (_) @item.absorb)
(for_statement initializer: (_) @item.absorb)
(labeled_statement (expression_statement) @item.absorb)
(compound_statement (compound_statement) @item.header)
(comment) @comment
[(compound_statement) (declaration_list) (enumerator_list) (field_declaration_list)] @body
(if_statement consequence: (_) @body)
(else_clause (_) @body)
(for_statement body: (_) @body)
(while_statement body: (_) @body)
(do_statement body: (_) @body)

; ---- scopes
(function_definition) @scope.fn
; the parameters of a declaration that defines nothing
(declaration declarator: (function_declarator) @scope.comp)
(declaration declarator: (pointer_declarator declarator: (function_declarator) @scope.comp))
[(compound_statement) (for_statement)] @scope.block

; ---- definitions
(init_declarator declarator: (identifier) @def)
(pointer_declarator declarator: (identifier) @def)
(array_declarator declarator: (identifier) @def)
(parameter_declaration declarator: (identifier) @def)
(enumerator name: (identifier) @def)
(preproc_def name: (identifier) @def)
(preproc_function_def name: (identifier) @def)
(function_definition declarator: (function_declarator declarator: (identifier) @def.outer.hoist))
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @def.outer.hoist)))
(struct_specifier name: (type_identifier) @def body: (_))
(enum_specifier name: (type_identifier) @def body: (_))
(type_definition declarator: (type_identifier) @def)
(assignment_expression left: (identifier) @def.set)
(assignment_expression left: (identifier) @def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="])
(update_expression argument: (identifier) @def.set.read)
(assignment_expression left: (subscript_expression argument: (identifier) @mut))
(assignment_expression left: (subscript_expression argument: (subscript_expression argument: (identifier) @mut)))
(assignment_expression left: (field_expression argument: (identifier) @mut))
(assignment_expression left: (pointer_expression argument: (identifier) @mut))
(update_expression argument: (subscript_expression argument: (identifier) @mut))
(update_expression argument: (field_expression argument: (identifier) @mut))
; whoever gets an address may change what is there
(argument_list (pointer_expression operator: "&" argument: (identifier) @mut))

; ---- names that are no uses
(declaration declarator: (function_declarator declarator: (identifier) @ignore))
(declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @ignore)))
(preproc_params (identifier) @ignore)
(call_expression function: (identifier) @call)
(function_definition type: (_) @outer)
(parameter_declaration type: (_) @outer)

; ---- flow
(if_statement) @flow.branch
(if_statement consequence: (_) @flow.alt)
(else_clause) @flow.alt.total
(switch_statement) @flow.switch
(case_statement) @flow.alt
(case_statement "default") @flow.alt.total
[(for_statement) (while_statement)] @flow.while
(do_statement) @flow.do
(for_statement !condition) @flow.inf
(for_statement body: (_) @flow.body)
(while_statement body: (_) @flow.body)
(do_statement body: (_) @flow.body)
(return_statement) @jump.return
(break_statement) @jump.break
(continue_statement) @jump.continue
