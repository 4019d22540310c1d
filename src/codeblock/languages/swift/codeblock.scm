; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.
; `_` with a keyword is quicker to compile than the name of a node that has many forms.

; ---- items
(source_file (_) @item)
(statements (_) @item)
[(associatedtype_declaration) (enum_entry) (property_declaration) (protocol_function_declaration) (protocol_property_declaration)
 (typealias_declaration)] @item
; as a value, `if` and `switch` are part of a statement
(source_file [(do_statement) (for_statement) (guard_statement) (if_statement) (repeat_while_statement) (switch_statement) (while_statement)] @item.header)
(statements [(do_statement) (for_statement) (guard_statement) (if_statement) (repeat_while_statement) (switch_statement) (while_statement)] @item.header)
(_ "if" (if_statement) @item.header)
(switch_entry "fallthrough" @item)
(statement_label) @item.before
[(catch_block) (computed_getter) (computed_setter) (didset_clause) (switch_entry) (willset_clause)] @item.header
[(class_declaration) (deinit_declaration) (function_declaration) (init_declaration) (protocol_declaration) (subscript_declaration)] @item.definition
(property_declaration (computed_property)) @item.definition
(property_declaration (willset_didset_block)) @item.definition
[(comment) (multiline_comment)] @comment
[(class_body) (computed_property) (enum_class_body) (function_body) (protocol_body) (statements) (willset_didset_block)] @body
(switch_statement (switch_entry) @body.run)

; ---- scopes
[(deinit_declaration) (function_declaration) (init_declaration) (lambda_literal) (subscript_declaration)] @scope.fn
[(computed_getter) (computed_setter) (didset_clause) (willset_clause)] @scope.fn
(property_declaration (computed_property (statements)) @scope.fn)
(call_suffix (lambda_literal) @scope.lambda)
(value_argument value: (lambda_literal) @scope.lambda)
[(class_declaration) (protocol_declaration)] @scope.members
[(catch_block) (for_statement) (if_statement) (statements) (switch_entry) (while_statement)] @scope.block

; ---- definitions
; `let x = x` reads what was there before
[(guard_statement) (property_declaration)] @late
(_ "if" bound_identifier: (_) . "=" . (_) @outer)
(_ "while" bound_identifier: (_) . "=" . (_) @outer)
(_ "for" collection: (_) @outer)
(_ bound_identifier: (simple_identifier) @def)
(pattern (pattern . (simple_identifier) @def))
(_ "if" (pattern . (simple_identifier) @def))
(_ "guard" (pattern . (simple_identifier) @def))
; `if let x {`
(_ "if" bound_identifier: (simple_identifier) @def.read . "{")
(_ "guard" bound_identifier: (simple_identifier) @def.read . (else))
(statements (property_declaration name: (pattern bound_identifier: (simple_identifier) @def.declare) !value !computed_value))
(class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @def.hoist)))
(enum_class_body (property_declaration name: (pattern bound_identifier: (simple_identifier) @def.hoist)))
(parameter name: (simple_identifier) @def)
(lambda_parameter name: (simple_identifier) @def)
(capture_list_item name: (simple_identifier) @def value: (_))
(_ "func" name: (simple_identifier) @def.outer.hoist body: (_))
(class_declaration name: (type_identifier) @def.outer.hoist)
(protocol_declaration name: (type_identifier) @def.outer.hoist)
(typealias_declaration name: (type_identifier) @def.hoist)
(directly_assignable_expression . (simple_identifier) @def.set)
(directly_assignable_expression (_ "(" value: (simple_identifier) @def.set))
(assignment target: (directly_assignable_expression . (simple_identifier) @def.read) operator: ["+=" "-=" "*=" "/=" "%="])
; the base of `a[i]`, `a.b`, `a[i].b`, `a!.b`, `a[i][j]`, but no part of a tuple
(directly_assignable_expression (_ !value . (simple_identifier) @mut))
(directly_assignable_expression (_ . (_ !value . (simple_identifier) @mut)))
(directly_assignable_expression (_ . (_ . (_ !value . (simple_identifier) @mut))))
; `a ^= b`, `a[i] |= b`; operators that are no assignments make no statement
(statements (_ lhs: (simple_identifier) @def.set.read . (custom_operator)))
(statements (_ lhs: (_ . (simple_identifier) @mut) . (custom_operator)))
; whoever gets it may change it
(prefix_expression operation: "&" target: (simple_identifier) @mut)
(call_expression (navigation_expression target: (_) @object))

; ---- members reached through `self`
(call_expression . (navigation_expression target: (self_expression)) @attr.call)
(call_expression . (_ rhs: (navigation_expression target: (self_expression)) @attr.call))
(directly_assignable_expression (navigation_expression target: (self_expression)) @attr.def)
(assignment target: (directly_assignable_expression (navigation_expression target: (self_expression)) @attr.def.read) operator: ["+=" "-=" "*=" "/=" "%="])
(directly_assignable_expression (_ . (navigation_expression target: (self_expression)) @attr.mut))
(directly_assignable_expression (_ . (_ . (navigation_expression target: (self_expression)) @attr.mut)))

; ---- names that are no uses
(import_declaration (identifier (simple_identifier) @ignore))
(directive (simple_identifier) @ignore)
(parameter external_name: (simple_identifier) @ignore)
(protocol_function_declaration name: (simple_identifier) @ignore)
(protocol_function_declaration (parameter name: (simple_identifier) @ignore))
(value_argument_label (simple_identifier) @ignore)
(call_suffix name: (simple_identifier) @ignore)
(tuple_expression name: (simple_identifier) @ignore)
(tuple_type_item name: (simple_identifier) @ignore)
(enum_entry name: (simple_identifier) @ignore)
(enum_type_parameters (simple_identifier) @ignore)
(control_transfer_statement "break" result: (simple_identifier) @ignore)
(control_transfer_statement "continue" result: (simple_identifier) @ignore)
(call_expression . (simple_identifier) @call)
; `a + f(b)` is parsed as `(a + f)(b)`
(call_expression . (_ rhs: (simple_identifier) @call))
(call_expression . (prefix_expression target: (simple_identifier) @call))
(call_expression . (simple_identifier) @verb)

; ---- values
[(if_statement) (switch_statement)] @value
(if_statement (statements (_) @tail . (comment)* .))
(if_statement (else) (if_statement) @tail)
(switch_entry (statements (_) @tail . (comment)* .))

; ---- flow
(call_suffix (lambda_literal) @flow.callback)
(value_argument value: (lambda_literal) @flow.callback)
[(guard_statement) (if_statement)] @flow.branch
(_ "if" (statements) @flow.alt)
(_ "if" "{" @flow.alt . "}")
(_ "if" (else) (statements) @flow.alt.total)
(_ "if" (else) (if_statement) @flow.alt.total)
(_ "guard" (statements) @flow.alt)
(switch_statement) @flow.cases
(switch_entry) @flow.alt.total ; some case is always taken
(for_statement) @flow.for
(while_statement) @flow.while
(_ . "while" . (boolean_literal)) @flow.inf
(repeat_while_statement) @flow.do
(_ "for" (statements) @flow.body)
(_ "while" (statements) @flow.body)
(_ "repeat" (statements) @flow.body)
(do_statement) @flow.try
(do_statement (statements) @flow.trybody)
(catch_block) @flow.handler
(control_transfer_statement "return") @jump.return
(control_transfer_statement (throw_keyword)) @jump.raise
(control_transfer_statement "break") @jump.break
(control_transfer_statement "continue") @jump.continue
(switch_entry "fallthrough" @jump.fall)
(statements (simple_identifier) @verb)
(statement_label) @label
(control_transfer_statement ["break" "continue"] result: (simple_identifier) @label)
(control_transfer_statement ["break" "continue"] result: (simple_identifier) @ignore)
