; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(assignment_statement) (break_statement) (const_declaration) (continue_statement) (dec_statement) (defer_statement)
 (expression_statement) (fallthrough_statement) (go_statement) (goto_statement) (import_declaration) (inc_statement)
 (package_clause) (return_statement) (send_statement) (short_var_declaration) (type_declaration) (var_declaration)] @item
[(for_statement) (if_statement) (expression_switch_statement) (type_switch_statement) (select_statement)
 (expression_case) (type_case) (communication_case) (default_case) (labeled_statement)] @item.header
[(function_declaration) (method_declaration)] @item.definition
(type_declaration "type" . (type_spec type: [(struct_type) (interface_type)])) @item.definition
(type_spec type: (struct_type (field_declaration_list (field_declaration) @item)))
(type_spec type: (interface_type [(method_elem) (type_elem)] @item))
; a group is a header, what it declares are its items
(import_declaration (import_spec_list)) @item.header
(import_spec_list (import_spec) @item)
(var_declaration (var_spec_list)) @item.header
(var_spec_list (var_spec) @item)
(const_declaration "(") @item.header
(const_declaration "(" (const_spec) @item)
(type_declaration "(") @item.header
(type_declaration "(" [(type_spec) (type_alias)] @item)
(type_declaration "(" (type_spec type: [(struct_type) (interface_type)]) @item.definition)
(statement_list (block) @item.block)
(if_statement initializer: (_) @item.absorb)
(for_clause initializer: (_) @item.absorb)
(for_clause update: (_) @item.absorb)
(expression_switch_statement initializer: (_) @item.absorb)
(type_switch_statement initializer: (_) @item.absorb)
(communication_case communication: (_) @item.absorb)
(labeled_statement (label_name) (_) @item.absorb)
(comment) @comment
[(block) (import_spec_list) (var_spec_list)] @body
(expression_case (statement_list) @body)
(type_case (statement_list) @body)
(communication_case (statement_list) @body)
(default_case (statement_list) @body)
(type_spec type: (struct_type (field_declaration_list) @body))
(type_spec type: (interface_type) @body)

; ---- scopes
[(function_declaration) (method_declaration)] @scope.fn
; a function literal that is stored or deferred runs later, an argument, or one that is called at once, runs in place
(expression_list (func_literal) @scope.fn)
(literal_element (func_literal) @scope.fn)
(defer_statement (call_expression function: (func_literal) @scope.fn))
(argument_list (func_literal) @scope.lambda)
(go_statement (call_expression function: (func_literal) @scope.lambda))
(expression_statement (call_expression function: (func_literal) @scope.lambda))
(expression_list (call_expression function: (func_literal) @scope.lambda))
(type_spec) @scope.class
[(block) (if_statement) (for_statement) (expression_switch_statement) (type_switch_statement)
 (expression_case) (type_case) (communication_case) (default_case)] @scope.block

; names of the parameters in a type are declared for nobody
[(function_type) (method_elem)] @scope.block
; ---- definitions
; the right side means what is around: `x := x`
[(range_clause) (short_var_declaration) (var_spec)] @late
(short_var_declaration left: (expression_list (identifier) @def))
(assignment_statement left: (expression_list (identifier) @def.set))
(assignment_statement left: (expression_list (identifier) @def.set.read)
  operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" "&^="])
(inc_statement (identifier) @def.set.read)
(dec_statement (identifier) @def.set.read)
(var_spec name: (identifier) @def) ; without a value it is zero
(const_spec (identifier) @def) ; with `name`, only the first would be captured
(source_file (var_declaration (var_spec name: (identifier) @def.hoist)))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @def.hoist))))
(source_file (const_declaration (const_spec (identifier) @def.hoist)))
(range_clause left: (expression_list (identifier) @def) ":=")
(range_clause left: (expression_list (identifier) @def.set) "=")
(receive_statement left: (expression_list (identifier) @def) ":=")
(receive_statement left: (expression_list (identifier) @def.set) "=")
(type_switch_statement alias: (expression_list (identifier) @def))
(parameter_declaration name: (identifier) @def)
(variadic_parameter_declaration name: (identifier) @def)
(_ result: (parameter_list (parameter_declaration name: (identifier) @result)))
(type_parameter_declaration name: (identifier) @def)
(function_declaration name: (identifier) @def.outer.hoist)
(method_declaration name: (field_identifier) @def.outer.hoist) ; called behind any receiver, whose type nobody knows here
(type_spec name: (type_identifier) @def.outer.hoist)
(type_alias name: (type_identifier) @def.hoist)
(import_spec !name path: (interpreted_string_literal (interpreted_string_literal_content) @def))
(import_spec name: (package_identifier) @def)
(assignment_statement left: (expression_list [(index_expression) (selector_expression) (unary_expression)] @mut))
(inc_statement [(index_expression) (selector_expression) (unary_expression)] @mut)
(dec_statement [(index_expression) (selector_expression) (unary_expression)] @mut)

; ---- members reached through the receiver
(method_declaration receiver: (parameter_list (parameter_declaration name: (identifier) @receiver)))
(method_declaration receiver: (parameter_list (parameter_declaration type: (type_identifier) @within)))
(method_declaration receiver: (parameter_list (parameter_declaration type: (generic_type type: (type_identifier) @within))))
(method_declaration receiver: (parameter_list (parameter_declaration type: (pointer_type (type_identifier) @within))))
(method_declaration receiver: (parameter_list (parameter_declaration type: (pointer_type (generic_type type: (type_identifier) @within)))))
(type_spec type: (struct_type (field_declaration_list (field_declaration name: (field_identifier) @def)))) ; it is zero
(selector_expression operand: (identifier)) @attr
(assignment_statement left: (expression_list (selector_expression operand: (identifier)) @attr.def))
(assignment_statement left: (expression_list (selector_expression operand: (identifier)) @attr.def.read)
  operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" "&^="])
(inc_statement (selector_expression operand: (identifier)) @attr.def.read)
(dec_statement (selector_expression operand: (identifier)) @attr.def.read)
(assignment_statement left: (expression_list (_ operand: (selector_expression operand: (identifier)) @attr.mut)))
(assignment_statement left: (expression_list (_ operand: (_ operand: (selector_expression operand: (identifier)) @attr.mut))))
(inc_statement (_ operand: (selector_expression operand: (identifier)) @attr.mut))
(dec_statement (_ operand: (selector_expression operand: (identifier)) @attr.mut))

; ---- names that are no uses
(interpreted_string_literal (interpreted_string_literal_content) @ignore)
(package_clause (package_identifier) @ignore)
(qualified_type name: (type_identifier) @ignore)
(field_declaration name: (field_identifier) @ignore)
(method_elem name: (field_identifier) @ignore)
(selector_expression field: (field_identifier) @ignore) ; unless it is called, see below
; keys name fields, but in a map, a slice or an array they are values
(composite_literal type: [(type_identifier) (qualified_type) (generic_type) (struct_type)]
  body: (literal_value (keyed_element key: (literal_element (identifier) @ignore))))
(literal_element (literal_value (keyed_element key: (literal_element (identifier) @ignore))))
(call_expression function: (identifier) @call)
(call_expression function: (selector_expression field: (field_identifier) @call))
(composite_literal type: (type_identifier) @call)

; ---- flow
(if_statement) @flow.branch
(if_statement consequence: (block) @flow.alt)
(if_statement alternative: (_) @flow.alt.total)
[(expression_switch_statement) (type_switch_statement) (select_statement)] @flow.cases
[(expression_case) (type_case)] @flow.alt
(default_case) @flow.alt.total
(communication_case) @flow.alt.total ; select waits for one of them
(for_statement) @flow.while
(for_statement (range_clause)) @flow.for
(for_statement . (block)) @flow.inf
(for_statement (for_clause !condition)) @flow.inf
(for_clause initializer: (_) @flow.init)
(for_clause update: (_) @flow.step)
(for_statement body: (block) @flow.body)
(argument_list (func_literal) @flow.callback)
(go_statement (call_expression function: (func_literal) @flow.callback))
(expression_statement (call_expression function: (func_literal) @flow.callback))
(expression_list (call_expression function: (func_literal) @flow.callback))
(func_literal body: (block) @flow.body)
(return_statement) @jump.return
(return_statement) @returns
(break_statement) @jump.break
(continue_statement) @jump.continue
(fallthrough_statement) @jump.fall
(label_name) @label
