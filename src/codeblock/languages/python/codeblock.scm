; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items
[(assert_statement) (break_statement) (continue_statement) (delete_statement) (exec_statement) (expression_statement)
 (future_import_statement) (global_statement) (import_from_statement) (import_statement) (nonlocal_statement) (pass_statement)
 (print_statement) (raise_statement) (return_statement) (type_alias_statement)] @item
[(for_statement) (if_statement) (match_statement) (try_statement) (while_statement) (with_statement)
 (elif_clause) (else_clause) (except_clause) (finally_clause) (case_clause)] @item.header
[(class_definition) (decorated_definition) (function_definition)] @item.definition
(decorated_definition definition: (_) @item.absorb)
(expression_statement . [(string) (concatenated_string)] .) @item.docstring
(comment) @comment
(block) @body

; ---- scopes
(function_definition) @scope.fn
(lambda) @scope.lambda
(class_definition) @scope.class
[(list_comprehension) (set_comprehension) (dictionary_comprehension) (generator_expression)] @scope.comp

; ---- definitions
(assignment left: (identifier) @def)
(assignment left: (identifier) @def.declare !right)
; a field of the class, which a dataclass sets
(class_definition body: (block (expression_statement (assignment left: (identifier) @def.local !right))))
(augmented_assignment left: (identifier) @def.read)
(assignment left: (pattern_list (identifier) @def)) ; behind damage, what is on the right may be parsed as a pattern, too
(for_statement left: (pattern_list (identifier) @def))
(for_in_clause left: (pattern_list (identifier) @def))
(tuple_pattern (identifier) @def)
(list_pattern (identifier) @def)
(list_splat_pattern (identifier) @def)
(dictionary_splat_pattern (identifier) @def)
(for_statement left: (identifier) @def)
(for_in_clause left: (identifier) @def)
(named_expression name: (identifier) @def.walrus)
(named_expression) @delay
(as_pattern_target (identifier) @def.now)
(as_pattern_target (tuple (identifier) @def.now))
(as_pattern_target (tuple (_ (identifier) @def.now)))
(as_pattern_target (list (identifier) @def.now))
(as_pattern_target (parenthesized_expression (identifier) @def.now))
(parameters (identifier) @def)
(lambda_parameters (identifier) @def)
(default_parameter name: (identifier) @def)
(typed_parameter . (identifier) @def)
(typed_default_parameter name: (identifier) @def)
(function_definition name: (identifier) @def.outer)
(class_definition name: (identifier) @def.outer)
(import_statement name: (dotted_name . (identifier) @def.module))
(aliased_import alias: (identifier) @def.module)
(import_from_statement name: (dotted_name . (identifier) @def.module))
(future_import_statement name: (dotted_name (identifier) @def))
(case_pattern (dotted_name . (identifier) @def .))
(case_pattern (as_pattern (identifier) @def))
(as_pattern (case_pattern) (identifier) @def)
(splat_pattern (identifier) @def)
(keyword_pattern (identifier) (dotted_name . (identifier) @def .))
(type_alias_statement left: (type (identifier) @def))
(global_statement (identifier) @def.global)
(nonlocal_statement (identifier) @def.nonlocal)
(delete_statement (identifier) @def.del)
(delete_statement (expression_list (identifier) @def.del))
(assignment left: [(attribute) (subscript)] @mut)
(augmented_assignment left: [(attribute) (subscript)] @mut)
(pattern_list [(attribute) (subscript)] @mut)
(tuple_pattern [(attribute) (subscript)] @mut)
(for_statement left: [(attribute) (subscript)] @mut)
(as_pattern_target [(attribute) (subscript)] @mut)
(delete_statement (tuple (identifier) @def.del))
(delete_statement (expression_list (tuple (identifier) @def.del)))
(delete_statement [(attribute) (subscript)] @mut)
(delete_statement (expression_list [(attribute) (subscript)] @mut))
(call function: (attribute object: (_) @object))

; ---- members reached through a receiver (`self.x`)
(call function: (attribute object: (identifier)) @attr.call)
(assignment left: (attribute object: (identifier)) @attr.def)
(assignment left: (pattern_list (attribute object: (identifier)) @attr.def))
(tuple_pattern (attribute object: (identifier)) @attr.def)
(augmented_assignment left: (attribute object: (identifier)) @attr.def.read)
(assignment left: (attribute object: (attribute)) @attr.mut)
(assignment left: (attribute object: (subscript)) @attr.mut)
(assignment left: (subscript) @attr.mut)
(augmented_assignment left: (attribute object: (attribute)) @attr.mut)
(augmented_assignment left: (attribute object: (subscript)) @attr.mut)
(augmented_assignment left: (subscript) @attr.mut)
(for_statement left: (attribute object: (identifier)) @attr.def)
(as_pattern_target (attribute object: (identifier)) @attr.def)
(pattern_list (subscript) @attr.mut)
(tuple_pattern (subscript) @attr.mut)
(delete_statement (subscript) @attr.mut)

; ---- names that are no uses
(keyword_argument name: (identifier) @ignore)
(keyword_pattern . (identifier) @ignore)
(import_from_statement module_name: (dotted_name (identifier) @ignore))
(import_from_statement module_name: (relative_import (dotted_name (identifier) @ignore)))
(import_from_statement name: (aliased_import name: (dotted_name (identifier) @ignore)))
(import_from_statement name: (dotted_name (identifier) @ignore))
(import_statement name: (dotted_name (identifier) @ignore))
(import_statement name: (aliased_import name: (dotted_name (identifier) @ignore)))
(call function: (identifier) @call)
(default_parameter value: (_) @outer)
(typed_default_parameter value: (_) @outer)
(typed_default_parameter type: (_) @outer)
(typed_parameter type: (_) @outer)
(function_definition return_type: (_) @outer)
(class_definition superclasses: (_) @outer)
(list_comprehension body: (_) . (for_in_clause right: (_) @outer))
(set_comprehension body: (_) . (for_in_clause right: (_) @outer))
(dictionary_comprehension body: (_) . (for_in_clause right: (_) @outer))
(generator_expression body: (_) . (for_in_clause right: (_) @outer))

; ---- flow
[(if_statement) (match_statement)] @flow.branch
(if_statement consequence: (block) @flow.alt)
(elif_clause consequence: (block) @flow.alt)
(if_statement alternative: (else_clause body: (block) @flow.alt.total))
(case_clause) @flow.alt
(case_clause (case_pattern "_")) @flow.alt.total
(for_statement) @flow.for
(while_statement) @flow.while
(while_statement condition: [(true) (integer)]) @flow.inf
(for_statement body: (block) @flow.body)
(while_statement body: (block) @flow.body)
(for_statement alternative: (else_clause) @flow.post)
(while_statement alternative: (else_clause) @flow.post)
(try_statement) @flow.try
(try_statement body: (block) @flow.trybody)
(try_statement (else_clause) @flow.post)
(except_clause) @flow.handler
(finally_clause) @flow.finally
(with_statement) @flow.with
(return_statement) @jump.return
(raise_statement) @jump.raise
(break_statement) @jump.break
(continue_statement) @jump.continue
