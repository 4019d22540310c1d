// What espree and eslint-scope say of the files named on standard input, a line of JSON for each: "nodes" [kind, start, end],
// "bodies" [first statement, end, whether it is a simple statement without braces], "comments" [start, end], and "references"
// [name's start, starts of the names that declare it; none for a global name], "variables" [such starts]; or "errors".
// Offsets are UTF-16 code units.
"use strict";

const fs = require("fs");
const espree = require("espree");
const eslintScope = require("eslint-scope");

const COMPOUND = new Set([
    "BlockStatement", "ClassDeclaration", "DoWhileStatement", "ForInStatement", "ForOfStatement", "ForStatement",
    "FunctionDeclaration", "IfStatement", "LabeledStatement", "SwitchStatement", "TryStatement", "WhileStatement", "WithStatement",
]);

function parse(text) {
    for (const sourceType of ["module", "commonjs"]) {
        try {
            const options = { ecmaVersion: "latest", sourceType, range: true, comment: true, ecmaFeatures: { jsx: true } };
            return { sourceType, tree: espree.parse(text, options) };
        } catch (error) {
            if (sourceType === "commonjs") return null;
        }
    }
}

/** Statements, members and clauses of a tree. */
function spans(text, tree) {
    const nodes = [], bodies = [];

    function add(node, kind = node.type, start = node.start) {
        nodes.push([kind, start, node.end]);
    }

    function statements(list, end) {
        const own = list.filter((node) => node.type !== "EmptyStatement");
        if (own.length && end) bodies.push([own[0].start, end, false]);
        for (const node of own) {
            add(node);
            walk(node);
        }
    }

    /** A body that may have no braces; returns whether it is there. */
    function body(node) {
        if (node.type === "BlockStatement") return statements(node.body, node.end);
        if (node.type === "EmptyStatement") return;
        bodies.push([node.start, node.end, !COMPOUND.has(node.type)]);
        add(node);
        walk(node);
    }

    function children(node, ...except) {
        for (const key of espree.VisitorKeys[node.type]) {
            if (except.includes(key)) continue;
            for (const child of [node[key]].flat()) if (child) walk(child);
        }
    }

    /** What lies in a node that has been added if it is one of those that count. */
    function walk(node) {
        switch (node.type) {
            case "Program":
                return statements(node.body);
            case "BlockStatement":
            case "ClassBody":
            case "StaticBlock":
                return statements(node.body, node.end);
            case "IfStatement":
                children(node, "consequent", "alternate");
                body(node.consequent);
                if (node.alternate) {
                    add(node, "else", text.lastIndexOf("else", node.alternate.start - 1));
                    body(node.alternate);
                }
                return;
            case "DoWhileStatement":
            case "ForInStatement":
            case "ForOfStatement":
            case "ForStatement":
            case "WhileStatement":
            case "WithStatement":
                children(node, "body");
                return body(node.body);
            case "SwitchStatement":
                children(node, "cases");
                return statements(node.cases, node.end);
            case "SwitchCase": {
                children(node, "consequent");
                const own = node.consequent.filter((one) => one.type !== "EmptyStatement");
                const alone = own.length === 1 && !COMPOUND.has(own[0].type);
                statements(node.consequent, node.end);
                if (alone) bodies.push([own[0].start, node.end, true]);
                return;
            }
            case "TryStatement":
                walk(node.block);
                if (node.handler) {
                    add(node.handler);
                    walk(node.handler);
                }
                if (node.finalizer) {
                    add(node.finalizer, "finally", text.lastIndexOf("finally", node.finalizer.start - 1));
                    walk(node.finalizer);
                }
                return;
            case "Property": {
                const value = node.value;
                const own = node.method || node.kind !== "init" ? "method" : "property";
                if (own === "method" || (/Function/.test(value.type) && value.body.type === "BlockStatement")) add(node, own);
                return children(node);
            }
            default:
                return children(node);
        }
    }

    walk(tree);
    return { nodes, bodies };
}

/** All variables, and every reference to one. */
function names(tree, sourceType) {
    const manager = eslintScope.analyze(tree, { ecmaVersion: 2022, sourceType, jsx: true, ignoreEval: true });
    const starts = (variable) => variable.identifiers.map((name) => name.start);
    const declared = (variable) => variable.identifiers.length; // not `arguments`
    return {
        variables: manager.scopes.flatMap((scope) => scope.variables.filter(declared).map(starts)),
        references: manager.scopes.flatMap((scope) => scope.references)
            .filter(({ resolved }) => !resolved || declared(resolved))
            .map(({ identifier, resolved }) => [identifier.start, resolved ? starts(resolved) : []]),
    };
}

for (const name of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const text = fs.readFileSync(name, "utf8");
    const parsed = parse(text);
    const found = parsed && {
        ...spans(text, parsed.tree),
        comments: parsed.tree.comments.map(({ start, end }) => [start, end]),
        ...names(parsed.tree, parsed.sourceType),
    };
    console.log(JSON.stringify(found || { errors: 1 }));
}
