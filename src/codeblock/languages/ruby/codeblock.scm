; One capture per pattern, no predicates. The captures are described in codeblock/languages/loader.py.

; ---- items: whatever stands in a sequence
(program (_) @item)
(body_statement (_) @item)
(block_body (_) @item)
(then (_) @item)
(do (_) @item)
(else (_) @item)
(begin (_) @item)
(ensure (_) @item)
[(begin) (case) (case_match) (else) (elsif) (ensure) (for) (if) (in_clause) (rescue) (unless) (until) (when) (while)] @item.header
[(class) (method) (module) (singleton_class) (singleton_method)] @item.definition
(empty_statement) @item.absorb
(uninterpreted) @item.absorb
(comment) @comment
[(block_body) (body_statement) (do) (then)] @body

; ---- scopes
[(method) (singleton_method)] @scope.sealed
(lambda) @scope.fn
(argument_list (lambda) @scope.lambda)
(call block: (block) @scope.lambda)
(call block: (do_block) @scope.lambda)
[(class) (module) (singleton_class)] @scope.members

; ---- definitions
(assignment left: (identifier) @def.reuse)
(assignment left: (constant) @def.hoist)
(assignment left: (global_variable) @def.set)
(operator_assignment left: (identifier) @def.reuse.read)
(operator_assignment left: (global_variable) @def.set.read)
(left_assignment_list (identifier) @def.reuse)
(destructured_left_assignment (identifier) @def.reuse)
(destructured_parameter (identifier) @def)
(method_parameters (identifier) @def)
(lambda_parameters (identifier) @def)
(block_parameters (identifier) @def)
(optional_parameter name: (identifier) @def)
(splat_parameter name: (identifier) @def)
(keyword_parameter name: (identifier) @def)
(hash_splat_parameter name: (identifier) @def)
(block_parameter name: (identifier) @def)
(for pattern: (identifier) @def.reuse)
(exception_variable (identifier) @def.reuse)
(as_pattern name: (identifier) @def.reuse)
(array_pattern (identifier) @def.reuse)
(in_clause pattern: (identifier) @def.reuse)
(keyword_pattern value: (identifier) @def.reuse)
(method name: (identifier) @def.outer.hoist)
(singleton_method name: (identifier) @def.outer.hoist)
(class name: (constant) @def.outer.hoist)
(module name: (constant) @def.outer.hoist)
(assignment left: (element_reference object: (identifier) @mut))
(assignment left: (call receiver: (identifier) @mut))
(operator_assignment left: (element_reference object: (identifier) @mut))
(operator_assignment left: (call receiver: (identifier) @mut))
; `list << x`
(binary left: (identifier) @mut operator: "<<")

; ---- members
(assignment left: (instance_variable) @attr.def)
(assignment left: (class_variable) @attr.def)
(operator_assignment left: (instance_variable) @attr.def.read)
(operator_assignment left: (class_variable) @attr.def.read)
(left_assignment_list (instance_variable) @attr.def)
(assignment left: (element_reference object: (instance_variable) @attr.mut))
(operator_assignment left: (element_reference object: (instance_variable) @attr.mut))
(binary left: (instance_variable) @attr.mut operator: "<<")

; ---- calls
(call !receiver method: (identifier) @call)
(call receiver: (constant) @call)

; ---- flow
(argument_list (lambda) @flow.callback)
(call block: (block) @flow.callback)
(call block: (do_block) @flow.callback)
[(case) (case_match) (if) (unless)] @flow.branch
(if consequence: (then) @flow.alt)
(unless consequence: (then) @flow.alt)
(if alternative: (elsif) @flow.alt.total)
(elsif) @flow.branch
(elsif consequence: (then) @flow.alt)
(elsif alternative: (elsif) @flow.alt.total)
(if alternative: (else) @flow.alt.total)
(unless alternative: (else) @flow.alt.total)
(elsif alternative: (else) @flow.alt.total)
(case (when) @flow.alt)
(case (else) @flow.alt.total)
(case_match clauses: (in_clause) @flow.alt)
(case_match else: (else) @flow.alt.total)
[(until) (while)] @flow.while
(while condition: (true)) @flow.inf
(for) @flow.for
(while body: (do) @flow.body)
(until body: (do) @flow.body)
(for body: (do) @flow.body)
[(if_modifier) (unless_modifier)] @flow.branch
(if_modifier body: (_) @flow.alt)
(unless_modifier body: (_) @flow.alt)
; no node holds what a rescue guards, so a handler follows it and may be passed by
(begin (rescue)) @flow.branch
(body_statement (rescue)) @flow.branch
(rescue) @flow.alt
(return) @jump.return
(break) @jump.break
(next) @jump.continue
