"""Data flow in the manner of GraphCodeBERT, against our edges between items.

Guo et al., "GraphCodeBERT: Pre-training Code Representations with Data Flow" (arXiv 2009.08366), and Ren et al., "CodeBLEU"
(arXiv 2009.10297), describe it: of the leaves of the syntax tree, those that name a variable are its occurrences; each *comes
from* the earlier occurrences that may have given the variable its value, and in an assignment each target is *computed from* the
occurrences in the value. Alternatives start from the same states and are joined behind them, a loop is gone through twice. This
is one walk over the tree with a table of node kinds per language, written from that description. It knows neither our queries
nor our engine. "Computed from" joins occurrences of one statement, so between items only "comes from" is left.

What the description leaves out can be switched on step by step (`STEPS`). The first step at which a disagreement goes away is its
class; what no step explains is for people to read.

    python -m tests.oracles.dfg [DATA] [--languages NAMES] [--limit SOURCES] [--show CLASS] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter

from codeblock.analyze.analyze import analyze_code
from codeblock.languages import load
from codeblock.types import CODE_KINDS, Analysis, EdgeKind
from tests.analyze.corpora import CORPORA, sources

STEPS = ("published", "defined", "jumps", "scopes", "later")
"""What the walk knows, each step with those before it: what is described; that only definitions give values, where it takes the
first occurrence for one; that nothing comes past a jump; that scopes have variables of their own; that functions run later."""
PUBLISHED, DEFINED, JUMPS, SCOPES, LATER = range(5)
Edge = tuple[int, int, str]
"""An edge between two bytes or two items, and the variable."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Kinds:
    """Node kinds of one grammar. A *position* is ``parent.field`` or ``parent/kind``.

    Attributes:
        names: leaves that may name a variable.
        nothing: positions without variables, and kinds of nodes without any.
        known_otherwise: positions of the names of functions, types and members, which are left out of the comparison.
        imports: kinds of our items whose definitions are left out.
        declared: positions of what is declared.
        assigned: positions of what is assigned to.
        patterns: kinds in which a target may hold targets; `defaults` are positions in them that are values.
        updates: kinds of nodes that read what they assign to.
        bare: kinds of declarations that define nothing without a value.
        marked: words behind which a parent's names are targets, as (kind, word).
        functions, sealed: kinds of functions, and of those that see nothing around them; `lends` holds what they see after all.
        in_place: positions of functions that run where they stand; with `through`, a return in them leaves the function around.
        branches, arms, total: kinds of branches, positions of their alternatives, and those, with kinds of cases, one of which is
            taken when no other is.
        switches, cases: kinds of switches and of their alternatives; `fall` are cases from which control goes on to the next.
        loops, each, body, once, after: kinds of loops, and positions of their parts.
        for_each, do: loops that run over values, and those that run their body first.
        tries, handlers, orelse, finals: kinds of these parts.
        jumps: per kind of node what it does.
        inside: kinds whose children count as those of the parent.
        blocks: kinds with declarations of their own.
        implicit: whether an assignment declares what is not declared.
    """

    names: frozenset[str]
    declared: frozenset[str]
    assigned: frozenset[str]
    functions: frozenset[str]
    branches: frozenset[str]
    loops: frozenset[str]
    body: frozenset[str]
    jumps: dict[str, str]
    nothing: frozenset[str] = frozenset()
    known_otherwise: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    defaults: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    marked: tuple[tuple[str, str], ...] = ()
    sealed: frozenset[str] = frozenset()
    lends: frozenset[str] = frozenset()
    in_place: frozenset[str] = frozenset()
    through: bool = False
    arms: frozenset[str] = frozenset()
    total: frozenset[str] = frozenset()
    switches: frozenset[str] = frozenset()
    cases: frozenset[str] = frozenset()
    fall: frozenset[str] = frozenset()
    each: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    for_each: frozenset[str] = frozenset()
    do: frozenset[str] = frozenset()
    tries: frozenset[str] = frozenset()
    handlers: frozenset[str] = frozenset()
    orelse: frozenset[str] = frozenset()
    finals: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    implicit: bool = False


_C_JUMPS = {
    "return_statement": "return",
    "throw_statement": "raise",
    "break_statement": "break",
    "continue_statement": "continue",
}
KINDS = {
    "javascript": Kinds(
        names=_words("identifier shorthand_property_identifier shorthand_property_identifier_pattern"),
        nothing=_words("import_statement statement_identifier export_clause"),
        known_otherwise=_words("function_declaration.name generator_function_declaration.name class_declaration.name"),
        imports=_words("import_statement"),
        declared=_words(
            "variable_declarator.name formal_parameters/identifier formal_parameters/object_pattern"
            " formal_parameters/array_pattern formal_parameters/rest_pattern formal_parameters/assignment_pattern"
            " arrow_function.parameter catch_clause.parameter"
        ),
        assigned=_words("assignment_expression.left augmented_assignment_expression.left update_expression.argument"),
        patterns=_words(
            "object_pattern array_pattern rest_pattern assignment_pattern pair_pattern object_assignment_pattern"
            " parenthesized_expression"
        ),
        defaults=_words("assignment_pattern.right object_assignment_pattern.right pair_pattern.key"),
        updates=_words("augmented_assignment_expression update_expression"),
        bare=_words("variable_declaration"),
        functions=_words(
            "function_declaration generator_function_declaration function_expression generator_function arrow_function"
            " method_definition"
        ),
        in_place=_words(
            "arguments/arrow_function arguments/function_expression arguments/generator_function call_expression.function"
            " parenthesized_expression/arrow_function parenthesized_expression/function_expression"
        ),
        branches=_words("if_statement"),
        arms=_words("if_statement.consequence if_statement.alternative"),
        total=_words("if_statement.alternative"),
        switches=_words("switch_statement"),
        cases=_words("switch_case switch_default"),
        fall=_words("switch_case switch_default"),
        loops=_words("for_statement for_in_statement while_statement do_statement"),
        for_each=_words("for_in_statement"),
        do=_words("do_statement"),
        body=_words("for_statement.body for_in_statement.body while_statement.body do_statement.body"),
        once=_words("for_statement.initializer"),
        after=_words("for_statement.increment"),
        each=_words("for_in_statement.left"),
        tries=_words("try_statement"),
        handlers=_words("catch_clause"),
        finals=_words("finally_clause"),
        jumps=_C_JUMPS,
        inside=_words("switch_body"),
        blocks=_words("statement_block for_statement for_in_statement switch_body catch_clause"),
    ),
    "java": Kinds(
        names=_words("identifier"),
        nothing=_words(
            "import_declaration package_declaration field_access.field method_invocation.name marker_annotation"
            " labeled_statement/identifier break_statement/identifier continue_statement/identifier annotation"
            " scoped_identifier"
        )
        | {"method_reference ::"},
        known_otherwise=_words(
            "method_declaration.name constructor_declaration.name class_declaration.name interface_declaration.name"
            " enum_declaration.name record_declaration.name enum_constant.name field_declaration.declarator"
            " constant_declaration.declarator compact_constructor_declaration.name annotation_type_declaration.name"
        ),
        imports=_words("import_declaration"),
        declared=_words(
            "variable_declarator.name formal_parameter.name catch_formal_parameter.name resource.name"
            " inferred_parameters/identifier lambda_expression.parameters instanceof_expression.name"
            " type_pattern/identifier record_pattern_component/identifier enhanced_for_statement.name"
        ),
        assigned=_words("assignment_expression.left update_expression/identifier"),
        patterns=_words("parenthesized_expression"),
        updates=_words("update_expression"),
        bare=_words("local_variable_declaration"),
        functions=_words("method_declaration constructor_declaration lambda_expression compact_constructor_declaration"),
        in_place=_words("argument_list/lambda_expression"),
        branches=_words("if_statement"),
        arms=_words("if_statement.consequence if_statement.alternative"),
        total=_words("if_statement.alternative"),
        switches=_words("switch_expression"),
        cases=_words("switch_block_statement_group switch_rule"),
        fall=_words("switch_block_statement_group"),
        loops=_words("for_statement enhanced_for_statement while_statement do_statement"),
        for_each=_words("enhanced_for_statement"),
        do=_words("do_statement"),
        body=_words("for_statement.body enhanced_for_statement.body while_statement.body do_statement.body"),
        once=_words("for_statement.init"),
        after=_words("for_statement.update"),
        each=_words("enhanced_for_statement.name"),
        tries=_words("try_statement try_with_resources_statement"),
        handlers=_words("catch_clause"),
        finals=_words("finally_clause"),
        jumps={**_C_JUMPS, "yield_statement": "break"},
        inside=_words("switch_block"),
        blocks=_words("block for_statement enhanced_for_statement catch_clause switch_block try_with_resources_statement"),
    ),
    "go": Kinds(
        names=_words("identifier"),
        nothing=_words("package_clause import_declaration label_name call_expression/field_identifier keyed_element.key"),
        known_otherwise=_words("function_declaration.name type_spec.name"),
        imports=_words("import_declaration import_spec"),
        declared=_words(
            "short_var_declaration.left var_spec.name parameter_declaration.name variadic_parameter_declaration.name"
            " type_switch_statement.alias type_parameter_declaration.name const_spec/identifier"
        ),
        assigned=_words("assignment_statement.left inc_statement/identifier dec_statement/identifier receive_statement.left"),
        patterns=_words("expression_list"),
        updates=_words("inc_statement dec_statement"),
        functions=_words("function_declaration method_declaration func_literal"),
        in_place=_words("argument_list/func_literal call_expression.function"),
        branches=_words("if_statement"),
        arms=_words("if_statement.consequence if_statement.alternative"),
        total=_words("if_statement.alternative communication_case"),
        switches=_words("expression_switch_statement type_switch_statement select_statement"),
        cases=_words("expression_case type_case communication_case default_case"),
        loops=_words("for_statement"),
        body=_words("for_statement.body"),
        once=_words("for_clause.initializer range_clause.right"),
        after=_words("for_clause.update"),
        each=_words("range_clause.left"),
        for_each=_words("range_clause"),
        jumps=_C_JUMPS,
        inside=_words("for_clause range_clause"),
        blocks=_words(
            "block for_statement if_statement expression_switch_statement type_switch_statement expression_case type_case"
            " communication_case default_case"
        ),
    ),
    "csharp": Kinds(
        names=_words("identifier"),
        nothing=_words(
            "using_directive member_access_expression.name member_binding_expression.name attribute_list argument.name"
            " namespace_declaration.name file_scoped_namespace_declaration.name subpattern/identifier generic_name"
            " base_list type_parameter_list type_parameter_constraints_clause labeled_statement/identifier goto_statement"
            " qualified_name type_argument_list as_expression.right"
        ),
        known_otherwise=_words(
            "method_declaration.name constructor_declaration.name class_declaration.name interface_declaration.name"
            " enum_declaration.name record_declaration.name struct_declaration.name enum_member_declaration.name"
            " local_function_statement.name field_declaration/variable_declaration property_declaration.name"
            " delegate_declaration.name event_field_declaration/variable_declaration destructor_declaration.name"
        ),
        imports=_words("using_directive"),
        declared=_words(
            "variable_declarator.name variable_declarator/tuple_pattern parameter.name parameter_list.name"
            " catch_declaration.name tuple_pattern.name declaration_expression.name declaration_pattern.name"
            " recursive_pattern.name from_clause.name lambda_expression.parameters let_clause/identifier"
            " foreach_statement.left"
        ),
        assigned=_words("assignment_expression.left postfix_unary_expression/identifier prefix_unary_expression/identifier"),
        patterns=_words("tuple_expression argument tuple_pattern implicit_parameter parenthesized_expression"),
        updates=_words("postfix_unary_expression prefix_unary_expression"),
        bare=_words("variable_declaration"),
        marked=(("argument", "out"),),
        functions=_words(
            "method_declaration constructor_declaration lambda_expression anonymous_method_expression"
            " local_function_statement accessor_declaration operator_declaration conversion_operator_declaration"
            " destructor_declaration indexer_declaration"
        ),
        in_place=_words("argument/lambda_expression argument/anonymous_method_expression"),
        branches=_words("if_statement"),
        arms=_words("if_statement.consequence if_statement.alternative"),
        total=_words("if_statement.alternative switch_expression_arm"),
        switches=_words("switch_statement switch_expression"),
        cases=_words("switch_section switch_expression_arm"),
        loops=_words("for_statement foreach_statement while_statement do_statement"),
        for_each=_words("foreach_statement"),
        do=_words("do_statement"),
        body=_words("for_statement.body foreach_statement.body while_statement.body do_statement.body"),
        once=_words("for_statement.initializer"),
        after=_words("for_statement.update"),
        each=_words("foreach_statement.left"),
        tries=_words("try_statement"),
        handlers=_words("catch_clause"),
        finals=_words("finally_clause"),
        jumps=_C_JUMPS,
        inside=_words("switch_body"),
        blocks=_words("block for_statement foreach_statement using_statement switch_body switch_expression_arm catch_clause"),
    ),
    "php": Kinds(
        names=_words("variable_name"),
        nothing=_words("scoped_property_access_expression.name property_element.name global_declaration dynamic_variable_name"),
        known_otherwise=_words("property_promotion_parameter.name"),
        declared=_words("simple_parameter.name variadic_parameter.name catch_clause.name static_variable_declaration.name"),
        assigned=_words(
            "assignment_expression.left augmented_assignment_expression.left update_expression.argument"
            " reference_assignment_expression.left"
        ),
        patterns=_words("list_literal by_ref pair"),
        updates=_words("augmented_assignment_expression update_expression"),
        functions=_words("function_definition method_declaration anonymous_function arrow_function"),
        sealed=_words("function_definition method_declaration anonymous_function"),
        lends=_words("anonymous_function_use_clause"),
        in_place=_words("argument/anonymous_function argument/arrow_function"),
        branches=_words("if_statement"),
        arms=_words("if_statement.body if_statement.alternative"),
        total=_words("if_statement/else_clause"),
        switches=_words("switch_statement match_expression"),
        cases=_words("case_statement default_statement match_conditional_expression match_default_expression"),
        fall=_words("case_statement default_statement"),
        loops=_words("for_statement foreach_statement while_statement do_statement"),
        for_each=_words("foreach_statement"),
        do=_words("do_statement"),
        marked=(("foreach_statement", "as"),),
        body=_words("for_statement.body foreach_statement.body while_statement.body do_statement.body"),
        once=_words("for_statement.initialize"),
        after=_words("for_statement.update"),
        tries=_words("try_statement"),
        handlers=_words("catch_clause"),
        finals=_words("finally_clause"),
        jumps={**_C_JUMPS, "exit_statement": "raise", "throw_expression": "raise"},
        inside=_words("switch_block match_block"),
        implicit=True,
    ),
    "ruby": Kinds(
        names=_words("identifier"),
        nothing=_words("call.method setter alias"),
        known_otherwise=_words("method.name singleton_method.name class.name module.name assignment/constant"),
        declared=_words(
            "method_parameters/identifier lambda_parameters/identifier block_parameters/identifier"
            " optional_parameter.name splat_parameter.name keyword_parameter.name hash_splat_parameter.name"
            " block_parameter.name destructured_parameter/identifier"
        ),
        assigned=_words(
            "assignment.left operator_assignment.left exception_variable/identifier array_pattern/identifier"
            " in_clause.pattern keyword_pattern.value as_pattern.name"
        ),
        patterns=_words("left_assignment_list destructured_left_assignment rest_assignment"),
        updates=_words("operator_assignment"),
        functions=_words("method singleton_method lambda block do_block"),
        sealed=_words("method singleton_method"),
        in_place=_words("call.block argument_list/lambda lambda.body"),
        through=True,
        branches=_words("if unless elsif if_modifier unless_modifier"),
        arms=_words(
            "if.consequence if.alternative unless.consequence unless.alternative elsif.consequence elsif.alternative"
            " if_modifier.body unless_modifier.body"
        ),
        total=_words("if.alternative unless.alternative elsif.alternative"),
        switches=_words("case case_match"),
        cases=_words("when in_clause else"),
        loops=_words("for while until while_modifier until_modifier"),
        for_each=_words("for"),
        do=frozenset(),
        body=_words("for.body while.body until.body while_modifier.body until_modifier.body"),
        each=_words("for.pattern"),
        tries=_words("begin body_statement"),
        handlers=_words("rescue"),
        orelse=_words("else"),
        finals=_words("ensure"),
        jumps={"return": "return", "break": "break", "next": "continue"},
        implicit=True,
    ),
}

_AUGMENTED = re.compile(r"[^=!<>:]+=|<<=|>>=|>>>=")
_FIRST = re.compile(r"\s*(else|default)\b")
_TYPES = _words(".type .returns .type_parameters")
_ENDLESS = re.compile(r"\(?\s*(true|1)\s*\)?")

Key = tuple[str, int]
State = dict[Key, frozenset[int]]


class _Dead(State):
    """What no control reaches."""


def _join(*states: State) -> State:
    alive = [state for state in states if not isinstance(state, _Dead)]
    if not alive:
        return _Dead()
    joined: State = dict(alive[0])
    for state in alive[1:]:
        for key, occurrences in state.items():
            joined[key] = joined.get(key, frozenset()) | occurrences
    return joined


def _copy(state: State) -> State:
    return _Dead() if isinstance(state, _Dead) else dict(state)


@dataclass(slots=True)
class _Around:
    """A construct that jumps leave: its kind, its label, and the states at the jumps."""

    kind: str
    label: str = ""
    ends: list[State] = field(default_factory=list[State])
    turns: list[State] = field(default_factory=list[State])


@dataclass(slots=True)
class _Scope:
    """Declarations of a node."""

    node: int
    kind: str  # "block", "function" or "sealed"
    names: dict[str, Key] = field(default_factory=dict[str, Key])


Positioned = tuple[tree_sitter.Node, frozenset[str]]


class Walk:
    """One walk over a tree.

    Attributes:
        edges: "comes from", as the first bytes of the definition and of the use.
    """

    def __init__(self, kinds: Kinds, root: tree_sitter.Node, step: int) -> None:
        self._kinds = kinds
        self._step = step
        self._state: State = {}
        self._around: list[_Around] = []
        self._scopes = [_Scope(0, "function")]
        self._later: list[tuple[tree_sitter.Node, list[_Scope]]] = []
        self._written: list[tuple[Key, int]] = []
        self._silent = False
        self._label = ""
        self.edges: set[Edge] = set()
        self._frame(lambda: self._visit(root, frozenset()))

    # ---- names

    def _key(self, name: str) -> Key | None:
        if self._step < SCOPES:
            return name, 0
        for scope in reversed(self._scopes):
            if name in scope.names:
                return scope.names[name]
            if scope.kind == "sealed":
                return None
        return None

    def _use(self, node: tree_sitter.Node) -> None:
        name = _text(node)
        key = self._key(name) or (name, 0)
        occurrences = self._state.get(key)
        if occurrences is None:
            if self._step < DEFINED:
                self._state[key] = frozenset({node.start_byte})
        elif not self._silent:
            self.edges |= {(start, node.start_byte, name) for start in occurrences}

    def _define(self, node: tree_sitter.Node, declares: str, value: bool) -> None:
        name = _text(node)
        key = self._key(name)
        if self._step >= SCOPES and (declares or (key is None and self._kinds.implicit)):
            scope = self._scopes[-1]
            if declares == "wide":
                scope = next(scope for scope in reversed(self._scopes) if scope.kind != "block")
            key = scope.names.setdefault(name, (name, scope.node))
        key = key or (name, 0)
        if value or self._step < DEFINED:
            self._state[key] = frozenset({node.start_byte})
            self._written.append((key, node.start_byte))
        else:
            self._state.pop(key, None)

    # ---- nodes

    def _children(self, node: tree_sitter.Node) -> Iterator[Positioned]:
        word = ""
        for n, child in enumerate(node.children):
            if not child.is_named:
                word = child.type
                if word in ("(", ",", ")"):
                    continue
            if child.type in self._kinds.inside:
                yield from self._children(child)
                continue
            name = node.field_name_for_child(n)
            positions = {f"{node.type}/{child.type}", f"{node.type}.{name}", child.type, f".{name}", f"{node.type} {word}"}
            if (node.type, word) in self._kinds.marked and name != "body" and child.is_named:
                positions.add("marked")
            yield child, frozenset(positions)

    def _visit(self, node: tree_sitter.Node, at: frozenset[str]) -> None:
        kinds, kind = self._kinds, node.type
        if at & kinds.nothing or (at & _TYPES and kind != "array_type"):
            return
        if kind in kinds.names:
            self._use(node)
        elif kind in kinds.functions and node.child_count:
            self._function(node, at)
        elif kind in kinds.blocks:
            self._scoped(node, "block", lambda: self._construct(node))
        else:
            self._construct(node)

    def _scoped(self, node: tree_sitter.Node, kind: str, inner: Callable[[], None]) -> None:
        self._scopes.append(_Scope(node.id, kind))
        inner()
        self._scopes.pop()

    def _construct(self, node: tree_sitter.Node) -> None:
        kinds, kind = self._kinds, node.type
        if kind in kinds.branches:
            self._branch(node)
        elif kind in kinds.switches:
            self._switch(node)
        elif kind in kinds.loops:
            self._loop(node)
        elif kind in kinds.tries:
            self._try(node)
        else:
            self._plain(node, self._children(node))
            if kind in kinds.jumps and node.is_named:
                self._jump(node, kinds.jumps[kind])

    def _plain(self, node: tree_sitter.Node, children: Iterable[Positioned]) -> None:
        """Values first, then what they are assigned to."""
        kinds = self._kinds
        children = list(children)
        if node.type == "labeled_statement":
            self._label = re.split(r"\W", _text(node), maxsplit=1)[0]
        targets = [(child, at) for child, at in children if at & kinds.declared or at & kinds.assigned or "marked" in at]
        rest = [(child, at) for child, at in children if (child, at) not in targets]
        for child, at in rest:
            if ".body" not in at:
                self._visit(child, at)
        for child, at in targets:
            wide = node.type == "variable_declarator" and node.parent is not None and node.parent.type == "variable_declaration"
            declares = ("wide" if wide else "block") if at & kinds.declared else ""
            bare = node.parent is not None and node.parent.type in kinds.bare and node.type == "variable_declarator"
            value = not bare or any(c.type == "=" for c in node.children)
            reads = any(_AUGMENTED.fullmatch(c.type) for c in node.children if not c.is_named or c.type.endswith("operator"))
            if node.type in kinds.updates and not any(
                c.type in ("++", "--") or _AUGMENTED.fullmatch(c.type) for c in node.children
            ):
                self._visit(child, at)  # another operator
                continue
            reads = reads or node.type in kinds.updates
            self._bind(child, at, declares, value, reads)
        for child, at in rest:
            if ".body" in at:
                self._visit(child, at)

    def _bind(self, node: tree_sitter.Node, at: frozenset[str], declares: str, value: bool, reads: bool) -> None:
        kinds = self._kinds
        if at & kinds.nothing:
            return
        if node.type in kinds.names or (node.type in kinds.patterns and not node.child_count):
            if reads:
                self._use(node)
            self._define(node, declares, value)
        elif node.type in kinds.patterns:
            children = list(self._children(node))
            for child, inner in children:
                if inner & kinds.defaults:
                    self._visit(child, inner)
            for child, inner in children:
                if not inner & kinds.defaults:
                    self._bind(child, inner, declares, value, reads)
        else:
            self._visit(node, at)

    # ---- functions

    def _frame(self, inner: Callable[[], None]) -> None:
        """Run what runs at once, and then the functions that were made in it."""
        later, self._later = self._later, []
        around, self._around = self._around, [_Around("function")]
        inner()
        end = _join(self._state, *self._around[0].ends)
        functions, self._later = self._later, later
        if not self._silent:
            for node, scopes in functions:
                mine, self._scopes = self._scopes, scopes
                self._state = dict(end)
                for _ in range(2):  # it may have run before
                    self._frame(lambda node=node: self._body(node))
                    self._state = _join(end, self._state)
                self._scopes = mine
        self._around = around
        self._state = end

    def _function(self, node: tree_sitter.Node, at: frozenset[str]) -> None:
        before = self._state
        if self._step >= LATER and at & self._kinds.in_place:
            entry = _Around("loop" if self._kinds.through else "callback")
            self._around.append(entry)
            for _ in range(2):
                self._state = _copy(before)
                self._body(node)
                before = _join(before, self._state, *entry.turns)
            self._around.pop()
            self._state = _join(before, *entry.ends)
            return
        silent, self._silent = self._silent, self._silent or self._step >= LATER
        self._state = dict(before)
        scopes = list(self._scopes)
        self._frame(lambda: self._body(node))
        self._state = _Dead() if isinstance(before, _Dead) else _join(before, self._state)
        self._silent = silent
        if self._step >= LATER and not silent:
            self._later.append((node, scopes))

    def _body(self, node: tree_sitter.Node) -> None:
        kinds = self._kinds
        sealed = node.type in kinds.sealed
        lent: dict[str, Key] = {}
        for child, _ in self._children(node):
            if child.type in kinds.lends:
                for name in _leaves(child, kinds.names):
                    self._use(name)
                    key = self._key(_text(name))
                    if key is not None:
                        lent[_text(name)] = key
        kept = [c for c in self._children(node) if c[0].type not in kinds.lends]
        self._scopes.append(_Scope(node.id, "sealed" if sealed else "function", lent))
        self._plain(node, kept)
        self._scopes.pop()

    # ---- flow

    def _branch(self, node: tree_sitter.Node) -> None:
        arms = [(child, at) for child, at in self._children(node) if at & self._kinds.arms]
        self._plain(node, ((child, at) for child, at in self._children(node) if not at & self._kinds.arms))
        before, ends = self._state, list[State]()
        for child, at in arms:
            self._state = _copy(before)
            self._visit(child, at)
            ends.append(self._state)
        if not any(at & self._kinds.total for _, at in arms):
            ends.append(before)
        self._state = _join(*ends)

    def _switch(self, node: tree_sitter.Node) -> None:
        kinds = self._kinds
        children = list(self._children(node))
        self._plain(node, ((child, at) for child, at in children if child.type not in kinds.cases))
        before, ends, total = self._state, list[State](), False
        entry = _Around("switch", self._take_label())
        self._around.append(entry)
        falls: State = _Dead()
        for child, at in children:
            if child.type not in kinds.cases:
                continue
            self._state = _join(before, falls)
            self._visit(child, at)
            if child.type in kinds.fall:
                falls = self._state
            else:
                ends.append(self._state)
            total = total or child.type in kinds.total or bool(_FIRST.match(_text(child)))
        self._around.pop()
        self._state = _join(*ends, falls, *entry.ends, *([] if total else [before]))

    def _take_label(self) -> str:
        label, self._label = self._label, ""
        return label

    def _loop(self, node: tree_sitter.Node) -> None:
        kinds = self._kinds
        children = [c for c in self._children(node) if c[0].is_named]
        over = node.type in kinds.for_each or any(c.type in kinds.for_each for c in node.children)
        first_body = node.type in kinds.do or (node.type.endswith("_modifier") and any(c.type == "begin" for c in node.children))
        body = [c for c in children if c[1] & kinds.body]
        each = [c for c in children if c[1] & kinds.each or "marked" in c[1]]
        after = [c for c in children if c[1] & kinds.after]
        once = [c for c in children if c[1] & kinds.once]
        other = [c for c in children if c not in body + each + after + once]
        if over:
            once, other = once + other, []
        for part in once:
            self._visit(*part)
        conditions = [_text(child) for child, _ in other if child.type != "empty_statement" and _text(child) != ";"]
        endless = self._step >= JUMPS and not over and all(_ENDLESS.fullmatch(text) for text in conditions)
        entry = _Around("loop", self._take_label())
        self._around.append(entry)
        head, ends = self._state, list[State]()
        for turn in range(3):
            self._state = _copy(head)
            if not first_body:
                for part in other:
                    self._visit(*part)
                ends.append(self._state)
                self._state = _copy(self._state)
            if turn == 2:
                break
            for child, at in each:
                words = {c.type for c in (child.parent or node).children}
                declares = words & {"let", "const", "var", ":="} or (at & kinds.declared and not kinds.implicit)
                self._bind(child, at, "block" if declares else "", value=True, reads=False)
            for part in body:
                self._visit(*part)
            self._state = _join(self._state, *entry.turns)
            if first_body:
                for part in other:
                    self._visit(*part)
                ends.append(self._state)
            for part in after:
                self._visit(*part)
            head = _join(head, self._state)
        self._around.pop()
        self._state = _join(*([] if endless else ends), *entry.ends)

    def _try(self, node: tree_sitter.Node) -> None:
        kinds = self._kinds
        parts: dict[str, list[Positioned]] = defaultdict(list)
        for child, at in self._children(node):
            clause = next((n for n in ("handlers", "orelse", "finals") if child.type in getattr(kinds, n)), "")
            parts[clause].append((child, at))
        before, mark = self._state, len(self._written)
        self._state = _copy(before)
        self._plain(node, parts[""])
        written = (
            [{key: frozenset({start})} for key, start in self._written[mark:]] if parts["handlers"] or parts["finals"] else []
        )
        raised = _join(before, *written)
        if not isinstance(before, _Dead):
            for key in list(raised):
                raised[key] |= before.get(key, frozenset())
        for part in parts["orelse"]:
            self._visit(*part)
        ends = [self._state]
        for part in parts["handlers"]:
            self._state = dict(raised)
            self._visit(*part)
            ends.append(self._state)
        normal = _join(*ends)
        if parts["finals"]:
            mark = len(self._written)
            self._state = _join(normal, raised)
            for part in parts["finals"]:
                self._visit(*part)
            if not isinstance(normal, _Dead):
                normal = {**normal, **{key: self._state.get(key, frozenset()) for key, _ in self._written[mark:]}}
        self._state = normal

    def _jump(self, node: tree_sitter.Node, what: str) -> None:
        if self._step < JUMPS:
            return
        label = next((_text(c) for c in node.children if c.type in ("label_name", "statement_identifier", "identifier")), "")
        labelled = [entry for entry in self._around if label and entry.label == label]
        for entry in reversed(labelled or self._around):
            if what in ("return", "raise"):
                if entry.kind == "callback" and what == "return":
                    entry.turns.append(self._state)
                elif entry.kind == "function":
                    entry.ends.append(self._state)
                else:
                    continue
            elif what == "continue" and entry.kind in ("loop", "callback"):
                entry.turns.append(self._state)
            elif what == "break" and entry.kind in ("loop", "switch"):
                entry.ends.append(self._state)
            else:
                continue
            break
        self._state = _Dead()


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _leaves(node: tree_sitter.Node, kinds: frozenset[str]) -> Iterator[tree_sitter.Node]:
    if node.type in kinds:
        yield node
    else:
        for child in node.children:
            yield from _leaves(child, kinds)


# ---- comparison


def known_otherwise(kinds: Kinds, root: tree_sitter.Node) -> set[str]:
    """Names of functions, types and members, which the description does not tell from variables."""
    found: set[str] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        for n, child in enumerate(node.children):
            if {f"{node.type}.{node.field_name_for_child(n)}", f"{node.type}/{child.type}"} & kinds.known_otherwise:
                name = child.child_by_field_name("name")
                names = [d for d in child.children if d.type == "variable_declarator"]
                for named in [d.child_by_field_name("name") or d for d in names] or [name or child]:
                    found.add(_text(named))
            stack.append(child)
    return found


@dataclass(slots=True)
class Compared:
    """Edges between the items of one source, ours and per step theirs."""

    source: str
    analysis: Analysis
    ours: set[Edge]
    theirs: list[set[Edge]]

    def classes(self, step: int) -> dict[Edge, str]:
        """The disagreements with a step, each with the later step that removes it."""
        found: dict[Edge, str] = {}
        for edge in self.ours ^ self.theirs[step]:
            later = (STEPS[n] for n in range(step + 1, len(STEPS)) if (edge in self.ours) == (edge in self.theirs[n]))
            found[edge] = ("ours " if edge in self.ours else "theirs ") + next(later, "unexplained")
        return found


def compare(source: str, language: str, steps: Iterable[int] = range(len(STEPS))) -> Compared:
    """Both sets of edges; `theirs` is empty for steps that are not asked for."""
    kinds, encoded = KINDS[language], source.encode()
    root = tree_sitter.Parser(load(language).grammar).parse(encoded).root_node
    analysis = analyze_code(source, language)
    items = analysis.items
    others = known_otherwise(kinds, root)
    spans = sorted((s.start, s.end, i) for i, item in enumerate(items) if item.kind in CODE_KINDS for s in item.spans)
    starts = [start for start, _, _ in spans]

    def item(byte: int) -> int:
        at = bisect_right(starts, byte) - 1
        return spans[at][2] if at >= 0 and byte < spans[at][1] else -1

    ours = {
        (e.source, e.target, e.variable)
        for e in analysis.edges
        if e.kind in (EdgeKind.FLOW, EdgeKind.CLOSURE) and e.variable not in others and items[e.source].node not in kinds.imports
    }
    theirs: list[set[Edge]] = [set() for _ in STEPS]
    for step in steps:
        edges = {(item(s), item(t), name) for s, t, name in Walk(kinds, root, step).edges if name not in others}
        theirs[step] = {(s, t, name) for s, t, name in edges if s != t and min(s, t) >= 0 and items[s].node not in kinds.imports}
    return Compared(source, analysis, ours, theirs)


def describe(compared: Compared, edge: Edge) -> str:
    """An edge as the lines that it joins."""
    lines = compared.source.splitlines()
    s, t = (compared.analysis.items[index].line for index in edge[:2])
    return f"{edge[2]}: {s} {lines[s - 1].strip()[:60]!r} -> {t} {lines[t - 1].strip()[:60]!r}"


@dataclass(slots=True)
class Measured:
    """A comparison of many sources: per step the numbers of edges and of equal sources, and the classes of disagreement."""

    sources: int = 0
    counts: list[Counter[str]] = field(default_factory=lambda: [Counter[str]() for _ in STEPS])
    classes: Counter[str] = field(default_factory=Counter[str])

    def add(self, compared: Compared) -> None:
        """Add a source."""
        self.sources += 1
        for count, theirs in zip(self.counts, compared.theirs, strict=True):
            common = len(compared.ours & theirs)
            count.update(ours=len(compared.ours), theirs=len(theirs), common=common, identical=compared.ours == theirs)
        self.classes.update(compared.classes(PUBLISHED).values())

    def scores(self, step: int) -> tuple[float, float, float, float]:
        """Precision, recall and F1 of our edges, and the share of sources with the identical set."""
        count = self.counts[step]
        precision, recall = (count["common"] / max(count[side], 1) for side in ("ours", "theirs"))
        both = 2 * precision * recall / max(precision + recall, 1e-9)
        return precision, recall, both, count["identical"] / max(self.sources, 1)


def chosen(data: Path, languages: Iterable[str], limit: int, seed: int = 0) -> dict[str, list[str]]:
    """Different sources per language, in an order that a seed gives, at most so many."""
    texts: dict[str, dict[str, None]] = {language: {} for language in languages}
    for corpus in CORPORA:
        for language, text in sources(data, corpus):
            if language in texts:
                texts[language][text] = None
    found: dict[str, list[str]] = {}
    for language, some in texts.items():
        found[language] = list(some)
        random.Random(seed).shuffle(found[language])
        del found[language][limit:]
    return found


def main() -> None:
    """Print a table, the classes of disagreement, and those that are asked for in full."""
    parser = argparse.ArgumentParser(description="Compare our edges with those of a walk in the manner of GraphCodeBERT.")
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--languages", nargs="+", default=sorted(KINDS))
    parser.add_argument("--limit", type=int, default=1 << 30, help="sources per language")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", default="", help="a class of disagreement, 25 of whose members are printed")
    options = parser.parse_args()
    sys.setrecursionlimit(10_000)
    print("| language | sources | step | our edges | theirs | common | P | R | F1 | identical |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    classes: list[str] = []
    shown: list[str] = []
    for language, texts in chosen(options.data, options.languages, options.limit, options.seed).items():
        measured, examples = Measured(), list[str]()
        for text in texts:
            compared = compare(text, language)
            measured.add(compared)
            examples += [
                f"==== {name}: {describe(compared, edge)}\n{text}"
                for edge, name in sorted(compared.classes(PUBLISHED).items())
                if options.show and name.startswith(options.show)
            ]
        for step in (PUBLISHED, LATER):
            numbers = " | ".join(f"{measured.counts[step][what]:,}" for what in ("ours", "theirs", "common"))
            *scores, identical = measured.scores(step)
            rounded = " | ".join(f"{score:.4f}" for score in scores)
            print(f"| {language} | {measured.sources:,} | {STEPS[step]} | {numbers} | {rounded} | {identical:.1%} |")
        classes.append(f"{language}: " + ", ".join(f"{name} {count:,}" for name, count in measured.classes.most_common()))
        random.Random(options.seed).shuffle(examples)
        shown += examples[:25]
    print("", *classes, *shown, sep="\n")


if __name__ == "__main__":
    main()
