import java.util.*;
import static a.B.*;
enum E {
    A, B(1) { int f() { return 1; } },
    @Deprecated C;
    static { x(); }
    {
        y();
    }
    int z;
    E() {
        {
            g();
        }
        super.f();
    }
}
@interface Q { int a() default 1; String[] b() default {"x"}; int K = 1; class N {} }
interface I {
    int K = 1, L = 2;
    private void f() { }
    static void g() {
        class Local { int x; }
        record R(int a) { static int c = 1; }
        enum F { X }
        interface J {}
        final int a;
        @X final int b = 2, c[] = {1};
        ;
        if (a) ; else f();
        if (a) switch (x) {
            case 1:
                f();
        } else switch (x) {
            case 2 -> f();
        }
        for (;;) switch (x) { default: f(); }
        while (x)
            switch (x) {
                default:
                    f();
            }
        do
            switch (x) { case 1: f(); }
        while (c);
        lab: switch (x) { case 1:
            f(); }
        lab2: { f();
        }
        lab3: f();
        lab4: lab5: while (x) f();
        new A() { { add(1); } };
        new A() {{
            add(1);
        }};
        synchronized (a) { f(); }
        try (A a = b; C c = d) { f(); } finally { }
        int q = switch (x) {
            case 1, 2 -> f();
            case A a when a.b() -> throw new X();
            case R(var p, int q) -> { yield 1; }
            case null, default ->
                f();
        };
        switch (x) {
            case 1: f(); break;
            case 2: int y = 1; y++;
        }
        f(x -> g(y -> { h();
        }), new B() {
            int u;
            void v() { w(); }
        });
        return switch (x) { case 1: yield 2; default: yield 3; };
    }
    default int h() { return 1; }
}
sealed interface S permits T, U {}
non-sealed class T implements S {
    private int[] a = { 1, 2 };
    Runnable r = () -> {
        f();
    }, s = new Runnable() {
        public void run() { }
    };
    abstract <X> void f() throws E;
    native int g();
    T() { this(1); }
    T(int x) {
        super(x);
        f();
    }
    class V { }
    ;
    record W(int a, String... b) implements S {
        W { f(); }
        W(int c) { this(c, ""); }
        static int d;
    }
}
