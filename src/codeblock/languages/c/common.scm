; What C and C++ have in common. One capture per pattern, no predicates.

; ---- items
[(break_statement) (continue_statement) (declaration) (enumerator) (expression_statement) (field_declaration) (goto_statement)
 (preproc_call) (preproc_def) (preproc_function_def) (preproc_include) (return_statement) (type_definition)] @item
(attributed_statement) @item
[(case_statement) (do_statement) (else_clause) (for_statement) (if_statement) (labeled_statement) (preproc_elif)
 (preproc_elifdef) (preproc_else) (preproc_if) (preproc_ifdef) (switch_statement) (while_statement)] @item.header
[(function_definition) (linkage_specification)] @item.definition
(struct_specifier body: (_)) @item.definition
(union_specifier body: (_)) @item.definition
(enum_specifier body: (_)) @item.definition
(type_definition type: [(enum_specifier) (struct_specifier) (union_specifier)] @item.absorb)
(declaration type: [(enum_specifier) (struct_specifier) (union_specifier)] @item.absorb)
(field_declaration type: [(enum_specifier) (struct_specifier) (union_specifier)] @item.absorb)
(for_statement initializer: (_) @item.absorb)
(attributed_statement (_) @item.absorb)
(linkage_specification body: (declaration) @item.absorb)
(compound_statement (compound_statement) @item.block)
(translation_unit (compound_statement) @item.block)
(comment) @comment
[(compound_statement) (declaration_list) (enumerator_list) (field_declaration_list)] @body
(if_statement consequence: (_) @body)
(else_clause (_) @body)
(for_statement body: (_) @body)
(while_statement body: (_) @body)
(do_statement body: (_) @body)
(labeled_statement (statement_identifier) (_) @body)
(case_statement ":" . (_) @body .)
(case_statement ":" . (expression_statement) @body . (break_statement) .)
(case_statement ":" . (expression_statement) . (break_statement) @body .)

; ---- scopes
(function_definition) @scope.fn
; the parameters of what has no body
(declaration declarator: (function_declarator parameters: (_) @scope.comp))
(declaration declarator: (_ (function_declarator parameters: (_) @scope.comp)))
(parameter_declaration declarator: (function_declarator parameters: (_) @scope.comp))
[(compound_statement) (for_statement)] @scope.block

; ---- definitions
(init_declarator declarator: (identifier) @def)
(array_declarator declarator: (identifier) @def)
(pointer_declarator declarator: (identifier) @def)
(declaration declarator: (pointer_declarator declarator: (identifier) @def.declare) !value)
(parameter_declaration declarator: (identifier) @def)
(enumerator name: (identifier) @def)
(preproc_def name: (identifier) @def)
(preproc_function_def name: (identifier) @def)
; without a type it is the constructor of a class, or a macro
(function_definition type: (_) declarator: (function_declarator declarator: (identifier) @def.outer.hoist))
(function_definition type: (_) declarator: (_ (function_declarator declarator: (identifier) @def.outer.hoist)))
(function_definition type: (_) declarator: (_ (_ (function_declarator declarator: (identifier) @def.outer.hoist))))
(struct_specifier name: (type_identifier) @def body: (_))
(union_specifier name: (type_identifier) @def body: (_))
(enum_specifier name: (type_identifier) @def body: (_))
(type_definition declarator: (type_identifier) @def)
(type_definition declarator: (_ declarator: (type_identifier) @def))
(type_definition declarator: (_ declarator: (parenthesized_declarator (_ declarator: (type_identifier) @def))))
(assignment_expression left: (identifier) @def.set)
(assignment_expression left: (identifier) @def.read operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="])
(update_expression argument: (identifier) @def.set.read)
(assignment_expression left: [(field_expression) (pointer_expression) (subscript_expression)] @mut)
(update_expression argument: [(field_expression) (parenthesized_expression) (pointer_expression) (subscript_expression)] @mut)
; whoever gets an address may change what is there
(argument_list (pointer_expression operator: "&") @mut)

; ---- names that are no uses
(declaration declarator: (function_declarator declarator: (identifier) @ignore))
(declaration declarator: (_ (function_declarator declarator: (identifier) @ignore)))
(preproc_params (identifier) @ignore)
(call_expression function: (identifier) @call)
(function_definition type: [(enum_specifier) (struct_specifier) (type_identifier) (union_specifier)] @outer)
(parameter_declaration type: [(enum_specifier) (struct_specifier) (type_identifier) (union_specifier)] @outer)

; ---- flow
(if_statement) @flow.branch
(if_statement consequence: (_) @flow.alt)
(else_clause) @flow.alt.total
[(preproc_elif) (preproc_elifdef) (preproc_if) (preproc_ifdef)] @flow.branch
[(preproc_elif) (preproc_elifdef) (preproc_else)] @flow.alt ; not total: what is defined before it may be what counts
(switch_statement) @flow.switch
(case_statement) @flow.alt
(case_statement "default") @flow.alt.total
[(for_statement) (while_statement)] @flow.while
(do_statement) @flow.do
(for_statement !condition) @flow.inf
(for_statement initializer: (_) @flow.init)
(for_statement update: (_) @flow.step)
(for_statement body: (_) @flow.body)
(while_statement body: (_) @flow.body)
(do_statement body: (_) @flow.body)
(return_statement) @jump.return
(break_statement) @jump.break
(continue_statement) @jump.continue
