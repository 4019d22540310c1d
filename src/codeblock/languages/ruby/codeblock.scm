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
; `begin ... end while x`
(while_modifier body: (begin)) @item.header
(until_modifier body: (begin)) @item.header
(while_modifier body: (begin) @item.absorb)
(until_modifier body: (begin) @item.absorb)
(empty_statement) @item.absorb
(heredoc_body) @item.after
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
(rest_assignment (identifier) @def.reuse)
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
(keyword_pattern key: (hash_key_symbol) @def.reuse !value)
(array_pattern (splat_parameter name: (identifier) @def.reuse))
(hash_pattern (hash_splat_parameter name: (identifier) @def.reuse))
(match_pattern pattern: (identifier) @def.reuse)
(alias name: (identifier) @def.hoist)
(method name: (identifier) @def.outer.hoist)
(singleton_method name: (identifier) @def.outer.hoist)
(class name: (constant) @def.outer.hoist)
(module name: (constant) @def.outer.hoist)
; what such a node begins with is the variable
(assignment left: (element_reference) @mut)
(assignment left: (call receiver: (_)) @mut)
(operator_assignment left: (element_reference) @mut)
(operator_assignment left: (call receiver: (_)) @mut)
(left_assignment_list (element_reference) @mut)
(left_assignment_list (call receiver: (_)) @mut)
(call receiver: (_) @object)
; `list << x`
(binary left: (_) @mut operator: "<<")

; ---- members
(assignment left: (instance_variable) @attr.def)
(assignment left: (class_variable) @attr.def)
(operator_assignment left: (instance_variable) @attr.def.read)
(operator_assignment left: (class_variable) @attr.def.read)
(left_assignment_list (instance_variable) @attr.def)
(left_assignment_list (class_variable) @attr.def)
(assignment left: (element_reference) @attr.mut)
(assignment left: (call receiver: (instance_variable)) @attr.mut)
(assignment left: (call receiver: (self)) @attr.def)
(operator_assignment left: (element_reference) @attr.mut)
(operator_assignment left: (call receiver: (instance_variable)) @attr.mut)
(operator_assignment left: (call receiver: (self)) @attr.def.read)
(left_assignment_list (element_reference) @attr.mut)
(left_assignment_list (call receiver: (self)) @attr.def)
(binary left: (_) @attr.mut operator: "<<")
(call receiver: (self)) @attr.call

; ---- calls
(call !receiver method: (identifier) @call)
(call receiver: (constant) @call)

; ---- names that are no uses
(pair key: (hash_key_symbol) @ignore value: (_))
(keyword_pattern key: (hash_key_symbol) @ignore value: (_))
(setter (identifier) @ignore)
(singleton_method object: (self) @ignore)

; ---- values
[(begin) (case) (case_match) (if) (unless)] @value
(assignment right: [(begin) (case) (case_match) (if) (unless)] @value.item)
(operator_assignment right: [(begin) (case) (case_match) (if) (unless)] @value.item)
(if consequence: (then (_statement) @tail . (comment)* .))
(unless consequence: (then (_statement) @tail . (comment)* .))
(elsif consequence: (then (_statement) @tail . (comment)* .))
(when (then (_statement) @tail . (comment)* .))
(in_clause (then (_statement) @tail . (comment)* .))
(if alternative: (else (_statement) @tail . (comment)* .))
(unless alternative: (else (_statement) @tail . (comment)* .))
(elsif alternative: (else (_statement) @tail . (comment)* .))
(case (else (_statement) @tail . (comment)* .))
(case_match else: (else (_statement) @tail . (comment)* .))
(begin (_statement) @tail . (comment)* .)
(begin (_statement) @tail . (comment)* . (rescue))
(begin (_statement) @tail . (comment)* . (ensure))
(begin (rescue body: (then (_statement) @tail . (comment)* .)))

; ---- flow
(argument_list (lambda) @flow.callback)
; a return in a block leaves the method
(call block: (block) @flow.while)
(call block: (do_block) @flow.while)
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
[(until_modifier) (while_modifier)] @flow.while
(while_modifier body: (begin)) @flow.do
(until_modifier body: (begin)) @flow.do
(while_modifier body: (_) @flow.body)
(until_modifier body: (_) @flow.body)
[(if_modifier) (unless_modifier)] @flow.branch
(if_modifier body: (_) @flow.alt)
(unless_modifier body: (_) @flow.alt)
(begin (rescue)) @flow.try
(begin (ensure)) @flow.try
(body_statement (rescue)) @flow.try
(body_statement (ensure)) @flow.try
(begin . (_) @flow.trybody.run (rescue))
(begin . (_) @flow.trybody.run (ensure))
(body_statement . (_) @flow.trybody.run (rescue))
(body_statement . (_) @flow.trybody.run (ensure))
(begin (else) @flow.post)
(body_statement (else) @flow.post)
(rescue) @flow.handler
(ensure) @flow.finally
; a call of `raise` and the like where nothing decides whether it happens
(program (call !receiver method: (identifier) @verb))
(body_statement (call !receiver method: (identifier) @verb))
(block_body (call !receiver method: (identifier) @verb))
(then (call !receiver method: (identifier) @verb))
(do (call !receiver method: (identifier) @verb))
(else (call !receiver method: (identifier) @verb))
(begin (call !receiver method: (identifier) @verb))
(if_modifier body: (call !receiver method: (identifier) @verb))
(unless_modifier body: (call !receiver method: (identifier) @verb))
; without arguments, where it is the last statement
(then (identifier) @verb .)
(else (identifier) @verb .)
(body_statement (identifier) @verb .)
(block_body (identifier) @verb .)
(retry) @jump.raise
(return) @jump.return
(break) @jump.break
(next) @jump.continue
