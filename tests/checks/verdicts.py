"""What a check says of an answer, whatever numbers it draws."""

DRAWS = 5


def require_right(check, answer):
    """The answer passes each time it is asked."""
    for _ in range(DRAWS):
        verdict = check(answer)
        assert verdict.right, verdict.hint


def hint_of(check, wrong):
    """The hint, which must be the same each time."""
    verdicts = {check(wrong) for _ in range(DRAWS)}
    assert len(verdicts) == 1
    (verdict,) = verdicts
    assert verdict.right is False
    return verdict.hint
