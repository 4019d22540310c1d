import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.stream.Collectors;
import javax.tools.*;

/**
 * What the JDK's compiler takes for statements, declarations and clauses, per file named on standard input: a line of JSON with
 * "nodes" [kind, start, end], and "bodies" [first statement, end, whether it is a simple statement without braces]; or
 * "errors", their number. Offsets are UTF-16 code units.
 */
public class Spans extends TreeScanner<Void, Void> {
    private final SourcePositions positions;
    private final CompilationUnitTree unit;
    private final List<String> nodes = new ArrayList<>();
    private final List<String> bodies = new ArrayList<>();

    Spans(SourcePositions positions, CompilationUnitTree unit) {
        this.positions = positions;
        this.unit = unit;
    }

    public static void main(String[] args) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String name : new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).lines().toList()) {
            DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
            JavacTask task = (JavacTask) compiler.getTask(null, files, found, null, null, files.getJavaFileObjects(name));
            CompilationUnitTree unit = task.parse().iterator().next();
            long errors = found.getDiagnostics().stream().filter(d -> d.getKind() == Diagnostic.Kind.ERROR).count();
            Spans spans = new Spans(Trees.instance(task).getSourcePositions(), unit);
            if (errors == 0) {
                spans.scan(unit, null);
                out.println("{\"nodes\": " + spans.nodes + ", \"bodies\": " + spans.bodies + "}");
            } else {
                out.println("{\"errors\": " + errors + "}");
            }
        }
        out.flush();
    }

    private long start(Tree tree) {
        return positions.getStartPosition(unit, tree);
    }

    private long end(Tree tree) {
        return positions.getEndPosition(unit, tree);
    }

    private void node(String kind, long start, long end) {
        nodes.add("[\"" + kind + "\", " + start + ", " + end + "]");
    }

    private void node(Tree tree) {
        node(tree.getKind().name().toLowerCase(), start(tree), end(tree));
    }

    /** The statements of a body, or the members; declarations that begin alike are one (int a, b). */
    private void body(List<? extends Tree> parts, long end) {
        List<? extends Tree> own = parts.stream().filter(part -> part.getKind() != Tree.Kind.EMPTY_STATEMENT).toList();
        if (own.isEmpty()) {
            return;
        }
        bodies.add("[" + start(own.get(0)) + ", " + end + ", false]");
        for (int i = 0; i < own.size(); i++) {
            Tree part = own.get(i);
            boolean goesOn = part instanceof VariableTree && i + 1 < own.size() && start(own.get(i + 1)) == start(part);
            if (part instanceof VariableTree) {
                long first = start(part);
                if (!goesOn) {
                    node("variable", first, end(part));
                }
                part.accept(this, null);
            } else {
                statement(part);
            }
        }
    }

    private void statement(Tree tree) {
        if (!(tree instanceof ClassTree)) {
            node(tree);
        }
        tree.accept(this, null);
    }

    /** A body that may have no braces. */
    private void body(StatementTree tree) {
        if (tree == null || tree instanceof BlockTree || tree instanceof EmptyStatementTree) {
            scan(tree, null);
            return;
        }
        boolean simple = switch (tree.getKind()) {
            case EXPRESSION_STATEMENT, RETURN, THROW, BREAK, CONTINUE, YIELD, ASSERT -> true;
            default -> false;
        };
        bodies.add("[" + start(tree) + ", " + end(tree) + ", " + simple + "]");
        statement(tree);
    }

    @Override
    public Void visitBlock(BlockTree tree, Void nothing) {
        body(tree.getStatements(), end(tree));
        return null;
    }

    @Override
    public Void visitPackage(PackageTree tree, Void nothing) {
        node(tree);
        return super.visitPackage(tree, nothing);
    }

    @Override
    public Void visitImport(ImportTree tree, Void nothing) {
        node(tree);
        return null;
    }

    @Override
    public Void visitModule(ModuleTree tree, Void nothing) {
        node(tree);
        body(tree.getDirectives(), end(tree));
        return null;
    }

    @Override
    public Void visitClass(ClassTree tree, Void nothing) {
        if (!tree.getSimpleName().isEmpty()) {
            node(tree);
        }
        scan(tree.getModifiers(), null);
        List<Tree> members = new ArrayList<>(tree.getMembers());
        if (tree.getKind() == Tree.Kind.RECORD) { // its components are no members in the text
            members.removeIf(m -> m instanceof VariableTree v
                && !v.getModifiers().getFlags().contains(javax.lang.model.element.Modifier.STATIC));
        }
        members.sort(Comparator.comparingLong(this::start));
        body(members, end(tree));
        return null;
    }

    @Override
    public Void visitIf(IfTree tree, Void nothing) {
        scan(tree.getCondition(), null);
        body(tree.getThenStatement());
        body(tree.getElseStatement());
        return null;
    }

    @Override
    public Void visitWhileLoop(WhileLoopTree tree, Void nothing) {
        scan(tree.getCondition(), null);
        body(tree.getStatement());
        return null;
    }

    @Override
    public Void visitDoWhileLoop(DoWhileLoopTree tree, Void nothing) {
        body(tree.getStatement());
        scan(tree.getCondition(), null);
        return null;
    }

    @Override
    public Void visitForLoop(ForLoopTree tree, Void nothing) {
        scan(tree.getInitializer(), null);
        scan(tree.getCondition(), null);
        scan(tree.getUpdate(), null);
        body(tree.getStatement());
        return null;
    }

    @Override
    public Void visitEnhancedForLoop(EnhancedForLoopTree tree, Void nothing) {
        scan(tree.getVariable(), null);
        scan(tree.getExpression(), null);
        body(tree.getStatement());
        return null;
    }

    @Override
    public Void visitTry(TryTree tree, Void nothing) {
        scan(tree.getResources(), null);
        scan(tree.getBlock(), null);
        for (CatchTree handler : tree.getCatches()) {
            node(handler);
            scan(handler.getBlock(), null);
        }
        if (tree.getFinallyBlock() != null) {
            node("finally", start(tree.getFinallyBlock()), end(tree.getFinallyBlock()));
            scan(tree.getFinallyBlock(), null);
        }
        return null;
    }

    @Override
    public Void visitSwitch(SwitchTree tree, Void nothing) {
        scan(tree.getExpression(), null);
        cases(tree.getCases(), end(tree));
        return null;
    }

    @Override
    public Void visitSwitchExpression(SwitchExpressionTree tree, Void nothing) {
        scan(tree.getExpression(), null);
        cases(tree.getCases(), end(tree));
        return null;
    }

    private void cases(List<? extends CaseTree> cases, long end) {
        if (cases.isEmpty()) {
            return;
        }
        bodies.add("[" + start(cases.get(0)) + ", " + end + ", false]");
        for (CaseTree tree : cases) {
            node("case", start(tree), end(tree));
            if (tree.getCaseKind() == CaseTree.CaseKind.STATEMENT) {
                body(tree.getStatements(), end(tree));
            } else if (tree.getBody() instanceof BlockTree) {
                scan(tree.getBody(), null);
            } else {
                bodies.add("[" + start(tree.getBody()) + ", " + end(tree) + ", true]");
                node("value", start(tree.getBody()), end(tree));
                tree.getBody().accept(this, null);
            }
        }
    }
}
