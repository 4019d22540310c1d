; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(associated_type) (const_item) (enum_variant) (expression_statement) (extern_crate_declaration) (field_declaration)
 (function_signature_item) (inner_attribute_item) (let_declaration) (static_item) (type_item) (use_declaration)] @item
; also the value of a block
(block (_) @item)
[(empty_statement) (label)] @item.absorb
(match_arm) @item.header
(attribute_item) @item
(attribute_item) @item.before
; where they are a statement; elsewhere they are part of one
(expression_statement [(for_expression) (if_expression) (loop_expression) (match_expression) (unsafe_block) (while_expression)] @item.header)
(expression_statement (block) @item.block)
(block (block) @item.block)
(expression_statement (if_expression (else_clause) @item.header))
(else_clause (if_expression) @item.header)
(else_clause (if_expression (else_clause) @item.header))
[(enum_item) (foreign_mod_item) (function_item) (impl_item) (macro_definition) (mod_item) (struct_item) (trait_item) (union_item)] @item.definition
; a compound expression with its semicolon is no statement around it
(expression_statement [(block) (for_expression) (if_expression) (loop_expression) (match_expression) (unsafe_block) (while_expression)]) @item.absorb
[(block_comment) (line_comment)] @comment
[(block) (declaration_list) (enum_variant_list) (field_declaration_list) (match_block)] @body

; ---- scopes
(function_item) @scope.sealed
(closure_expression) @scope.fn
(arguments (closure_expression) @scope.lambda)
[(impl_item) (trait_item)] @scope.class
[(block) (for_expression) (if_expression) (match_arm) (mod_item) (while_expression)] @scope.block

; ---- definitions
; `let x = x` reads what was there before
[(let_condition) (let_declaration)] @late
(for_expression value: (_) @outer)
(let_declaration pattern: (identifier) @def)
(let_declaration pattern: (identifier) @def.declare !value)
(const_item name: (identifier) @def.hoist)
(static_item name: (identifier) @def.hoist)
(parameter pattern: (identifier) @def)
(closure_parameters (identifier) @def)
(for_expression pattern: (identifier) @def)
(tuple_pattern (identifier) @def)
(slice_pattern (identifier) @def)
(tuple_struct_pattern type: (_) (identifier) @def)
(field_pattern name: (shorthand_field_identifier) @def)
(field_pattern pattern: (identifier) @def)
(captured_pattern . (identifier) @def)
(mut_pattern (identifier) @def)
(ref_pattern (identifier) @def)
(reference_pattern (identifier) @def)
(match_pattern . (identifier) @def)
(function_item name: (identifier) @def.outer.hoist)
(struct_item name: (type_identifier) @def.hoist)
(enum_item name: (type_identifier) @def.hoist)
(trait_item name: (type_identifier) @def.outer.hoist)
(type_item name: (type_identifier) @def.hoist)
(macro_definition name: (identifier) @def.hoist)
(use_declaration argument: (scoped_identifier name: (identifier) @def.hoist))
(use_list (identifier) @def.hoist)
(use_list (scoped_identifier name: (identifier) @def.hoist))
(use_as_clause alias: (identifier) @def.hoist)
(assignment_expression left: (identifier) @def.set)
(assignment_expression left: (tuple_expression (identifier) @def.set))
(compound_assignment_expr left: (identifier) @def.set.read)
; also `*map.entry(k).or_insert(0) += 1`, `node.borrow_mut().left = a`
(assignment_expression left: [(field_expression) (index_expression) (unary_expression)] @mut)
(compound_assignment_expr left: [(field_expression) (index_expression) (unary_expression)] @mut)
; whoever gets it may change it
(reference_expression (mutable_specifier) value: (_) @mut)
(call_expression function: (field_expression value: (_) @object))

; ---- members reached through `self`
(assignment_expression left: (field_expression value: (self)) @attr.def)
(compound_assignment_expr left: (field_expression value: (self)) @attr.def.read)
(assignment_expression left: (index_expression) @attr.mut)
(assignment_expression left: (field_expression value: (field_expression)) @attr.mut)
(assignment_expression left: (field_expression value: (index_expression)) @attr.mut)
(compound_assignment_expr left: (index_expression) @attr.mut)
(compound_assignment_expr left: (field_expression value: (field_expression)) @attr.mut)
(compound_assignment_expr left: (field_expression value: (index_expression)) @attr.mut)
(reference_expression (mutable_specifier) value: (_) @attr.mut)
(call_expression function: (field_expression value: (self)) @attr.call)
(call_expression function: (scoped_identifier path: (identifier)) @attr.call)

; ---- names that are no uses
(scoped_identifier name: (identifier) @ignore)
(scoped_type_identifier name: (type_identifier) @ignore)
(attribute_item (attribute (identifier) @ignore))
(attribute_item (attribute arguments: (token_tree (identifier) @ignore)))
(lifetime (identifier) @ignore)
(label (identifier) @ignore)
(mod_item name: (identifier) @ignore)
(enum_variant name: (identifier) @ignore)
(function_signature_item name: (identifier) @ignore)
(function_signature_item parameters: (parameters (parameter pattern: (identifier) @ignore)))
(call_expression function: (identifier) @call)
(struct_expression name: (type_identifier) @call)

; ---- values
[(if_expression) (match_expression) (unsafe_block)] @value
(let_declaration value: (block) @value)
(match_arm value: (block) @value)
(match_arm value: (_) @tail)
(match_arm value: (block (_expression) @tail . (line_comment)* .))
(if_expression consequence: (block (_expression) @tail . (line_comment)* .))
(else_clause (block (_expression) @tail . (line_comment)* .))
(else_clause (if_expression) @tail)
(unsafe_block (block (_expression) @tail . (line_comment)* .))
(let_declaration value: (block (_expression) @tail . (line_comment)* .))
(if_expression consequence: (block (expression_statement [(if_expression) (match_expression) (unsafe_block)] @tail .) . (line_comment)* .))
(else_clause (block (expression_statement [(if_expression) (match_expression) (unsafe_block)] @tail .) . (line_comment)* .))
(match_arm value: (block (expression_statement [(if_expression) (match_expression) (unsafe_block)] @tail .) . (line_comment)* .))
(let_declaration value: (block (expression_statement [(if_expression) (match_expression) (unsafe_block)] @tail .) . (line_comment)* .))

; ---- flow
(arguments (closure_expression) @flow.callback)
[(if_expression) (match_expression)] @flow.branch
(if_expression consequence: (block) @flow.alt)
(else_clause) @flow.alt.total
(match_arm) @flow.alt.total ; some arm is always taken
(let_declaration alternative: (block)) @flow.branch
(let_declaration alternative: (block) @flow.alt)
[(loop_expression) (while_expression)] @flow.while
(loop_expression) @flow.inf
(while_expression condition: (boolean_literal)) @flow.inf
(for_expression) @flow.for
(for_expression body: (block) @flow.body)
(while_expression body: (block) @flow.body)
(loop_expression body: (block) @flow.body)
(return_expression) @jump.return
(break_expression) @jump.break
(continue_expression) @jump.continue
(label) @label
(macro_invocation macro: (identifier) @verb)
