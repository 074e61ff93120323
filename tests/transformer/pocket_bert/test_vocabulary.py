"""What pruning promises: new ids mean the same pieces, and every word can still be spelt."""

from collections import Counter

import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordPiece

from tests.tiny_models import tiny_bert
from tlbook.transformer.pocket_bert import distillation, vocabulary

LETTERS = ["s", "h", "i", "p", "##h", "##i", "##p", "##s"]
PIECES = ["[PAD]", "x", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
PIECES += ["ship", "ships", "##ips", "sea"]


@pytest.fixture
def tokenizer():
    ids = {piece: place for place, piece in enumerate(PIECES)}
    made = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(list(vocabulary.SPECIAL))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 3), ("[SEP]", 4)]
    )
    return made


def pruned(tokenizer, *common):
    counts = Counter({PIECES.index(piece): 9 for piece in common})
    fixed = 5 + 9  # specials, single characters
    kept = vocabulary.kept_ids(tokenizer, counts, fixed + len(common))
    return kept, vocabulary.pruned(tokenizer, kept)


def test_a_rare_word_is_spelt_with_shorter_pieces(tokenizer):
    assert tokenizer.encode("ships").tokens == ["[CLS]", "ships", "[SEP]"]
    assert pruned(tokenizer, "ship")[1].encode("ships").tokens[1:-1] == ["ship", "##s"]
    assert pruned(tokenizer, "##ips")[1].encode("ships").tokens[1:-1] == ["s", "##h", "##ips"]
    assert pruned(tokenizer)[1].encode("ships").tokens[1:-1] == ["s", "##h", "##i", "##p", "##s"]


def test_specials_come_first_in_the_order_that_training_relies_on(tokenizer):
    from tlbook.transformer.pocket_bert import stream

    _, small = pruned(tokenizer, "ship")
    assert [small.token_to_id(token) for token in vocabulary.SPECIAL] == [0, 1, 2, 3, 4]
    assert small.encode("ship").ids[0] == stream.CLS == small.token_to_id(vocabulary.CLS)
    assert small.encode("ship").ids[-1] == stream.SEP == small.token_to_id(vocabulary.SEP)
    assert small.token_to_id(vocabulary.MASK) == stream.MASK
    assert small.token_to_id(vocabulary.PAD) == stream.PAD
    assert small.decode([stream.FIRST_ORDINARY]) == "x", "the first piece that is no special"


def test_the_commonest_pieces_are_kept(tokenizer):
    counts = Counter({PIECES.index("sea"): 3, PIECES.index("ship"): 2, PIECES.index("ships"): 1})
    kept = vocabulary.kept_ids(tokenizer, counts, 16)
    assert [PIECES[index] for index in kept[14:]] == ["sea", "ship"]


def test_a_piece_keeps_its_embedding(tokenizer):
    model = tiny_bert(vocab_size=len(PIECES))
    before = model.embeddings.word_embeddings.weight.detach().clone()
    kept, small = pruned(tokenizer, "sea", "ships")
    distillation.prune_embeddings(model, kept)
    after = model.embeddings.word_embeddings.weight
    assert len(after) == len(kept) == model.config.vocab_size == small.get_vocab_size()
    for piece, index in small.get_vocab().items():
        torch.testing.assert_close(after[index], before[PIECES.index(piece)])


def test_sentences_without_lost_pieces_give_the_teachers_states(tokenizer):
    model = tiny_bert(vocab_size=len(PIECES))
    old = model(torch.tensor([tokenizer.encode("ships sea").ids])).last_hidden_state
    kept, small = pruned(tokenizer, "sea", "ships")
    distillation.prune_embeddings(model, kept)
    new = model(torch.tensor([small.encode("ships sea").ids])).last_hidden_state
    torch.testing.assert_close(new, old)


def test_pieces_are_counted_over_all_texts(tokenizer):
    texts = ["ships sea"] * 5000 + ["sea"]
    counts = vocabulary.count_pieces(iter(texts), tokenizer)
    assert counts == {PIECES.index("ships"): 5000, PIECES.index("sea"): 5001}


def test_a_size_without_room_for_the_letters_is_refused(tokenizer):
    with pytest.raises(ValueError, match="size must be at least 14 .specials and letters., got 13"):
        vocabulary.kept_ids(tokenizer, Counter(), 13)
