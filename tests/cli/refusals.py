"""How bad input on the command line is told."""


def assert_refused(result, *found, code=2):
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == code, result.output
    assert len(errors) == 1 and result.stderr.splitlines()[-1] == errors[0]
    for text in found:
        assert text in errors[0]
    assert result.stdout == ""
