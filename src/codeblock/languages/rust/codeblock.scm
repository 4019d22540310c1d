; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(associated_type) (attribute_item) (const_item) (enum_variant) (expression_statement) (extern_crate_declaration) (field_declaration)
 (function_signature_item) (inner_attribute_item) (let_declaration) (static_item) (type_item) (use_declaration)] @item
; also the value of a block
(block (_) @item)
(empty_statement) @item.absorb
(source_file (macro_invocation) @item)
(declaration_list (macro_invocation) @item)
[(else_clause) (for_expression) (if_expression) (loop_expression) (match_arm) (match_expression) (unsafe_block) (while_expression)] @item.header
[(enum_item) (foreign_mod_item) (function_item) (impl_item) (macro_definition) (mod_item) (struct_item) (trait_item) (union_item)] @item.definition
; a compound expression with its semicolon is no statement around it
(expression_statement (for_expression)) @item.absorb
(expression_statement (if_expression)) @item.absorb
(expression_statement (loop_expression)) @item.absorb
(expression_statement (match_expression)) @item.absorb
(expression_statement (unsafe_block)) @item.absorb
(expression_statement (while_expression)) @item.absorb
(match_arm value: (match_expression) @item.absorb)
(block (block) @item.header)
[(block_comment) (line_comment)] @comment
[(block) (declaration_list) (enum_variant_list) (field_declaration_list) (match_block)] @body

; ---- scopes
[(closure_expression) (function_item)] @scope.fn
(arguments (closure_expression) @scope.lambda)
[(impl_item) (trait_item)] @scope.class
[(block) (for_expression) (if_expression) (match_arm) (while_expression)] @scope.block
(mod_item) @scope.block

; ---- definitions
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
(struct_pattern type: (_) (field_pattern name: (shorthand_field_identifier) @def))
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
(use_list (identifier) @def)
(use_as_clause alias: (identifier) @def)
(assignment_expression left: (identifier) @def.set)
(compound_assignment_expr left: (identifier) @def.set.read)
(assignment_expression left: (index_expression . (identifier) @mut))
(assignment_expression left: (index_expression . (index_expression . (identifier) @mut)))
(assignment_expression left: (field_expression value: (identifier) @mut))
(assignment_expression left: (unary_expression (identifier) @mut))
(compound_assignment_expr left: (index_expression . (identifier) @mut))
(compound_assignment_expr left: (index_expression . (index_expression . (identifier) @mut)))
(compound_assignment_expr left: (field_expression value: (identifier) @mut))
(compound_assignment_expr left: (unary_expression (identifier) @mut))
; whoever gets it may change it
(reference_expression (mutable_specifier) value: (identifier) @mut)

; ---- members reached through `self`
(assignment_expression left: (field_expression value: (self)) @attr.def)
(compound_assignment_expr left: (field_expression value: (self)) @attr.def.read)
(assignment_expression left: (index_expression . (field_expression value: (self)) @attr.mut))
(compound_assignment_expr left: (index_expression . (field_expression value: (self)) @attr.mut))
(call_expression function: (field_expression value: (self)) @attr.call)

; ---- names that are no uses
(attribute_item (attribute (identifier) @ignore))
(attribute_item (attribute arguments: (token_tree (identifier) @ignore)))
(label (identifier) @ignore)
(mod_item name: (identifier) @ignore)
(enum_variant name: (identifier) @ignore)
(function_signature_item name: (identifier) @ignore)
(function_signature_item parameters: (parameters (parameter pattern: (identifier) @ignore)))
(use_as_clause path: (identifier) @ignore)
(scoped_use_list path: (identifier) @ignore)
(call_expression function: (identifier) @call)
(struct_expression name: (type_identifier) @call)
(macro_invocation macro: (identifier) @call)

; ---- flow
(arguments (closure_expression) @flow.callback)
[(if_expression) (match_expression)] @flow.branch
(if_expression consequence: (block) @flow.alt)
(else_clause) @flow.alt.total
(match_arm) @flow.alt
(match_arm pattern: (match_pattern "_")) @flow.alt.total
(let_declaration alternative: (block)) @flow.branch
(let_declaration alternative: (block) @flow.alt)
(while_expression) @flow.while
(loop_expression) @flow.while
(loop_expression) @flow.inf
(for_expression) @flow.for
(for_expression body: (block) @flow.body)
(while_expression body: (block) @flow.body)
(loop_expression body: (block) @flow.body)
(return_expression) @jump.return
(break_expression) @jump.break
(continue_expression) @jump.continue
