"""What distillation promises: a start from the teacher, losses that vanish where they should."""

import pytest
import torch

from tests.tiny_models import VOCABULARY, tiny_bert
from tlbook.transformer.pocket_bert import distillation
from tlbook.transformer.pocket_bert.stream import CLS, MASK, PAD, SEP


def batch_of(*, hidden=()):
    """Return two sentences of 5 and 4 tokens; `hidden` are places of the first."""
    token_ids = torch.tensor([[CLS, 7, 8, 9, SEP], [CLS, 9, 10, SEP, PAD]])
    chosen = torch.zeros_like(token_ids, dtype=torch.bool)
    chosen[0, list(hidden)] = True
    return {
        "input_ids": token_ids,
        "attention_mask": (token_ids != PAD).long(),
        "seen_ids": torch.where(chosen, MASK, token_ids),
        "chosen": chosen,
    }


@pytest.fixture
def same(teacher):
    return distillation.student_of(teacher, (0, 1)).eval()


def test_the_student_starts_as_layers_of_the_teacher(teacher):
    student = distillation.student_of(teacher, (1,))
    assert student.config.num_hidden_layers == 1
    own, other = student.bert.encoder.layer[0], teacher.encoder.layer[1]
    for (name, weight), theirs in zip(own.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(weight, theirs, msg=name)
    decoder, words = student.cls.predictions.decoder.weight, student.bert.embeddings
    assert decoder is words.word_embeddings.weight, "tied"


def test_neurons_that_write_nothing_are_the_first_to_go(teacher):
    layer, silent = teacher.encoder.layer[1], [0, 3]
    layer.output.dense.weight.data[:, silent] = 0
    every = teacher.config.intermediate_size
    neurons = distillation.busiest_neurons(teacher, batch_of(), every - len(silent))
    assert neurons[1].tolist() == [i for i in range(every) if i not in silent]
    narrow = distillation.student_of(teacher, (1,), neurons=neurons).eval()
    whole = distillation.student_of(teacher, (1,)).eval()
    assert narrow.config.intermediate_size == every - len(silent)
    batch = batch_of()
    states = [
        model.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state
        for model in (narrow, whole)
    ]
    torch.testing.assert_close(*states)


def test_neurons_are_ranked_by_what_they_write_on_real_tokens(teacher):
    batch = batch_of()
    given = []
    dense = teacher.encoder.layer[0].output.dense
    hook = dense.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    teacher(batch["input_ids"], batch["attention_mask"])
    hook.remove()
    active = given[0][batch["attention_mask"].bool()]
    written = [
        sum((token[i] * dense.weight[:, i]).norm().item() ** 2 for token in active)
        for i in range(active.shape[1])
    ]
    best = sorted(sorted(range(len(written)), key=written.__getitem__)[-3:])
    assert distillation.busiest_neurons(teacher, batch, 3)[0].tolist() == best


@pytest.mark.parametrize("width", [0, 1000])
def test_more_neurons_than_there_are_cannot_be_kept(teacher, width):
    with pytest.raises(ValueError, match=rf"width must be 1\.\.\d+, got {width}"):
        distillation.busiest_neurons(teacher, batch_of(), width)


def test_the_teacher_keeps_its_configuration(teacher):
    distillation.student_of(teacher, (1,))
    assert teacher.config.num_hidden_layers == 2


def test_a_student_that_is_the_teacher_loses_nothing_on_whole_sentences(same, teacher):
    losses = distillation.losses_of(same, teacher, batch_of(), (1, 2))
    assert losses.keys() == distillation.WEIGHTS.keys()
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(0, abs=1e-6), name


def test_hidden_tokens_cost_the_student(same, teacher):
    losses = distillation.losses_of(same, teacher, batch_of(hidden=[1, 3]), (1, 2))
    assert all(loss.item() > 1e-4 for loss in losses.values())


def test_masked_lm_is_the_cross_entropy_at_the_hidden_places(same, teacher):
    batch = batch_of(hidden=[2])
    logits = same(batch["seen_ids"], batch["attention_mask"]).logits[0, 2]
    expected = -logits.log_softmax(-1)[8]
    found = distillation.losses_of(same, teacher, batch, (1, 2))["masked_lm"]
    torch.testing.assert_close(found, expected)


def test_padding_does_not_matter(same, teacher):
    batch = batch_of(hidden=[1])
    wide = {name: torch.nn.functional.pad(tensor, (0, 3)) for name, tensor in batch.items()}
    narrow = distillation.losses_of(same, teacher, batch, (1, 2))
    for name, loss in distillation.losses_of(same, teacher, wide, (1, 2)).items():
        torch.testing.assert_close(loss, narrow[name])


def test_each_student_layer_follows_its_own_teacher_layer(teacher):
    deep = tiny_bert(seed=1, num_hidden_layers=4)
    student = distillation.student_of(deep, (0, 3)).eval()
    batch = batch_of()
    states = deep(batch["input_ids"], batch["attention_mask"], output_hidden_states=True)
    own = student.bert(batch["input_ids"], batch["attention_mask"], output_hidden_states=True)
    real = batch["attention_mask"].bool()

    def away(layer, other):
        one, two = own.hidden_states[layer][real], states.hidden_states[other][real]
        return 1 - (one * two).sum(-1).div(one.norm(dim=-1) * two.norm(dim=-1)).mean()

    losses = distillation.losses_of(student, deep, batch, (2, 4))
    torch.testing.assert_close(losses["middle"], away(1, 2))
    torch.testing.assert_close(losses["token"], away(2, 4))


def test_a_student_of_one_layer_has_no_middle(teacher):
    student = distillation.student_of(teacher, (1,))
    losses = distillation.losses_of(student, teacher, batch_of(hidden=[1]), (2,))
    assert losses["middle"].item() == 0


def test_no_gradient_reaches_the_teacher(same, teacher):
    losses = distillation.losses_of(same, teacher, batch_of(hidden=[1]), (1, 2))
    sum(losses.values()).backward()
    assert all(weight.grad is None for weight in teacher.parameters())


def test_the_rate_rises_stays_and_falls():
    rates = [
        distillation.share_at(t, 100, warmup=0.1, decay=0.3) for t in (1, 10, 69, 85, 100, 120)
    ]
    assert rates == pytest.approx([0.1, 1, 1, 0.5, 0, 0])


@pytest.mark.parametrize("layers", [(), (0, 2), (-1,)])
def test_layers_that_the_teacher_does_not_have_are_refused(teacher, layers):
    with pytest.raises(ValueError, match="layers must be some of 0..1"):
        distillation.student_of(teacher, layers)


def test_the_vocabulary_of_the_test_has_the_ids_that_training_assumes():
    assert [VOCABULARY[t] for t in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")] == [PAD, CLS, SEP, MASK]
