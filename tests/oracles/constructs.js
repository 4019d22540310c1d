import d, { a as b, c } from "m";
import * as ns from "n";
const X = f(class X extends B { static s = X; m() { return X; } });
X.m();
const create = 1, foo = 2;
class K extends foo(create) { static create = create; foo() { return foo; } [foo]() {} y = () => foo; z = foo + create; static { foo; } get foo() {} }
const J = class J { static i = null; static get() { return J.i ?? new J(); } };
J.get();
function parse(args) {
    let argv;
    [args, argv] = g(args)
    return argv.concat(args)
}
function p2(cmd) {
    let aliases, q, r, s, t, u, v, w;
    {
        [cmd, ...aliases] = cmd;
        [q = 1, [r]] = cmd;
        ({ s, t: u, t: v = 2, w = 3, ...t } = cmd);
        ({ a: q, c: [r] } = cmd);
        for ([q, r] of cmd) f(q);
        for ({ s, t } of cmd) f(s);
    }
    return [cmd, aliases, q, r, s, t, u, v, w];
}
function p3(x) {
    {
        var { a, b: e, c: f = 1, g = 2, ...h } = x;
        var [i = 1, [j], ...k] = x;
        var { l: { m }, n: [o] } = x;
        for (var { q } of x) {}
        for (var [s, t] of x) {}
    }
    return [a, b, e, f, g, h, i, j, k, m, o, q, s, t];
}
function p4({ a, b: { c }, d = a, e: [f = c, ...g] = [], ...h }, i = a, [j, k] = f, ...l) {
    return a + c + d + f + g + h + i + j + k + l;
}
const g1 = function range(n) { return n ? range(n - 1) : 0; };
const g2 = (x, y = x) => ({ x, y, z: x });
try { f(); } catch ({ message, code: cc }) { f(message, cc); } finally { f(c); }
try { f(); } catch (e) { let x = e; f(x); }
label: for (let i = 0, n = 3; i < n; i++) { const i2 = i; if (i2) continue label; }
for (const k in ns) f(k);
for (let [k, v] of ns) f(k, v);
switch (c) { case 1: { let c = 2; f(c); } default: let e2 = c; f(e2); }
const o = { c, [c]: c, get c() { return c; }, async *d(c) { yield c; }, e: function () { return c; }, ["a" + c]() {} };
async function af() { for await (const c of o) f(c); await c; }
const t1 = tag`a${c}b${(c) => c}`;
c ||= 1; c.x.y = 2; delete c.z; c++; typeof c;
export { c as cc, X };
export const e1 = c;
export function f(a) { return a; }
export default class { q() { return c; } }
function hoist() { return later + h2(); var later = 1; function h2() { return later; } }
{
    function inBlock() { return c; }
    inBlock();
}
if (c) { let c = 3; var vv = c; }
f(vv);
const el = <X.Y a={c} {...o}><Foo b="c" />{c}<K /></X.Y>;
import.meta;
const { length } = c, { [c]: comp } = o;
f(length, comp);
let self = () => self;
var arr = [c, , ...o], fnA = async c => await c, fnB = async (c) => c;
class P { #p = 1; static #q() { return c; } has(o) { return #p in o; } constructor(p = c) { this.#p = p; super.x = c; } static async *gen(c) { yield* c; } 'str'() {} 1() {} }
do { let c = 1; f(c); } while (c);
with_(c);
switch (x) {
  case 1: a(); b(); break;
  case 3: z = f(
    a);
  case 4: x = 1; break;
  case 5: x = f(
    1); break;
  case 6: if (x) { y(); } else { z(); }
  case 7: if (x) {
    y(); }
  case 8: { a(); }
  case 9: case 10: b();
  default: a(); b();
}
a();
const o1 = { a() {}, b: 1, get c() { return 1; }, async *d() { yield 1; },
  e: function* () {
    yield 2;
  },
  f: async () => {
    g();
  },
};
{
  function q() {}
  lab: { f();
  }
  { f();
  }
}
export const f1 = function* () {
  g();
};
export const e3 = {
  a: 1,
  b() {
    c();
  },
};
if (a) b(); else if (c) d(); else { e(); }
if (a) {
  b();
} else
  c();
for (;;) { f(); break; }
do f(); while (c)
do {
  f();
} while (c)
while (a) ;
with_(a);
var a1 = 1
var b1 = 2; var c1
a
++b
f(function () { a(); }, () => {
  b();
}, { x: () => { y(); } });
class A2 { static { f(); } x = () => { g();
  h(); }; 'y'() {} static async z() { w(); } get; set; static static = 1; a = 1; b; c() {}; }
debugger; ;
lab3: for (const a of b) { continue lab3; }
const t2 = `a${() => { b(); }}`, fn = function () { return 1; };
(function () {
  a();
})();
(() => {
  a();
})();
!function () { a(); }();
x = a ? function () { b(); } : () => {
  c();
};
