"""Print how large files, functions and classes have grown: a trend to look at, never a failure."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"


def percentile(numbers: Sequence[int], share: float) -> int:
    """Return the smallest of `numbers` that at least `share` of them do not exceed; 0 for none."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def lines_of(tree: ast.AST, *kinds: type[ast.AST]) -> Iterator[int]:
    """Yield how many lines each function or class of a file has."""
    for node in ast.walk(tree):
        if isinstance(node, kinds) and isinstance(node, ast.stmt):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def main() -> None:
    """Measure the package and print one line."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))]
    trees = [ast.parse(text) for text in texts]
    files = [text.count("\n") for text in texts if text.count("\n") > 1]
    functions = [lines for tree in trees for lines in lines_of(tree, ast.FunctionDef, ast.AsyncFunctionDef)]
    classes = [lines for tree in trees for lines in lines_of(tree, ast.ClassDef)]
    over = sum(lines > 60 for lines in functions)
    print(
        f"sizes: {len(files)} files, {sum(files)} lines · file median {percentile(files, 0.5)}, "
        f"p95 {percentile(files, 0.95)}, max {max(files)} · function p95 {percentile(functions, 0.95)}, "
        f"max {max(functions)}, over 60: {over} of {len(functions)} · class max {max(classes)}"
    )


if __name__ == "__main__":
    main()
