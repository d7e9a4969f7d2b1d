"""What notebooks show of strangers' files is text, and no more than a screenful."""

from dataclasses import replace

import dyadic
from dyadic.runtime import notebook


def test_a_session_shows_itself_in_a_notebook(write, network, image) -> None:
    named = replace(network.program, inputs=(replace(network.program.inputs[0], name="<b>x</b>\x1b"),))
    with dyadic.load(write(named, network.weights, network.params, image, name="<i>.dyq"), max_batch=2) as session:
        page = session._repr_html_().replace("<wbr>", "")
        assert "&lt;b&gt;x&lt;/b&gt;\\x1b" in page and "&lt;i&gt;.dyq" in page and "<b>" not in page
        for said in (
            ">input</td>",
            ">output</td>",
            ">float32</td>",
            ">[N, 3, 9, 13]</td>",
            "x86-64, 1 thread, up to 2",
        ):
            assert said in page
    assert "closed, x86-64" in session._repr_html_()


def test_a_notebook_gets_no_more_than_a_screenful() -> None:
    many = [(f"layer {i}", "x" * 5000) for i in range(3000)]
    page = notebook.table(("", ""), many, ["y" * 100_000] * 400, numbers=(1,))
    assert len(page) < 60_000 and "and 2,970 more rows" in page and "and 388 more" in page
