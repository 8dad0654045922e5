import pytest

from autocompress.hardware.processor import _saturates, instruction_sets, read_cpuinfo


def test_the_first_processor_is_read(tmp_path):
    table = tmp_path / "cpuinfo"
    table.write_text("model name\t: A: B\nflags\t\t: avx2 fma\n\nmodel name\t: other\n")
    assert read_cpuinfo(table) == {"model name": "A: B", "flags": "avx2 fma"}
    assert read_cpuinfo(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("flags", "known"),
    [("fpu avx2 fma sse2", ["avx2", "fma"]), ("", []), ("avx512_vnni avx2", ["avx2", "avx512_vnni"])],
)
def test_known_instruction_sets_are_told_in_one_order(flags, known):
    assert instruction_sets({"flags": flags}) == known
    assert instruction_sets({"Features": flags}) == known


@pytest.mark.parametrize(
    ("machine", "known", "saturates"),
    [
        ("x86_64", ["avx2"], True),
        ("x86_64", ["avx2", "avx512f"], True),
        ("x86_64", ["avx2", "avx512_vnni"], False),
        ("AMD64", ["avx2", "avx_vnni"], False),
        ("aarch64", ["asimd"], False),
    ],
)
def test_products_saturate_on_x86_without_vnni(machine, known, saturates):
    assert _saturates(machine, known) == saturates
