from autocompress.preparation import row_limits

MINILM, BERT_BASE = 10_616_832, 84_934_656


def test_more_time_and_smaller_models_pass_more_rows():
    assert row_limits(120.0, MINILM) == {"train": 4792, "validation": 719, "test": 719}
    assert row_limits(900.0, MINILM)["validation"] == 2000
    assert row_limits(900.0, BERT_BASE) == {"train": 4493, "validation": 674, "test": 674}


def test_there_are_always_rows_to_learn_and_to_judge_from():
    assert row_limits(120.0, 10**9) == {"train": 400, "validation": 400, "test": 400}
