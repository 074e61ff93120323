"""Pre-trained encoders: the shipped one, the Hub's, or a folder's; safetensors only.

A model is a class of `transformers`, so that every cell can be carried to any other encoder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tlbook import runtime
from tlbook.encoders import folders, sources, weights

if TYPE_CHECKING:  # takes seconds to import, and not every lesson needs it
    import transformers


def load(
    name: str, *, masked_lm: bool = False
) -> tuple["transformers.PreTrainedTokenizerBase", "transformers.PreTrainedModel"]:
    """Return (tokenizer, model) of a pre-trained encoder, in evaluation mode and float32.

    Args:
        name: ``pocket-bert`` (shipped), ``minilm`` or its full name (all-MiniLM-L6-v2 from
            the package of the extra ``minilm`` or from the Hub), a Hub id ``organisation/name``
            or a local folder.
        masked_lm: True adds the masked-LM head, whose logits are (batch, tokens, vocab).

    Returns:
        A fast tokenizer and a model whose ``last_hidden_state`` is (batch, tokens, hidden).

    Raises:
        ValueError: If the name is unknown (the close ones are listed), a file is missing,
            truncated or altered, the weights are not those that config.json asks for, or a
            number in them is not finite.
        ConnectionError: If the Hub is needed and cannot be reached.

    Example:
        >>> tokenizer, model = load("pocket-bert")
        >>> states = model(**tokenizer("A fine film.", return_tensors="pt")).last_hidden_state
        >>> states.shape[2] == model.config.hidden_size
        True
    """
    folder = sources.find(name)
    with folders.named_if_unusable(folder / "tokenizer.json"):
        tokenizer = _tokenizer(folder)
    model = _model(folder, masked_lm=masked_lm)
    if name not in sources.PUBLISHED:  # a checksum vouches for those
        weights.check_finite(model, folder)
    return tokenizer, model


def _tokenizer(folder: Path) -> "transformers.PreTrainedTokenizerBase":
    """A fast tokenizer; our own kind is read directly, four times faster than by AutoTokenizer."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if folder.parent == sources.POCKET:
        return PreTrainedTokenizerFast.from_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _model(folder: Path, *, masked_lm: bool) -> "transformers.PreTrainedModel":
    """The model in float32, without a pooler: no lesson uses it, and not every encoder has one."""
    from transformers import (
        MODEL_FOR_MASKED_LM_MAPPING,
        AutoConfig,
        AutoModel,
        AutoModelForMaskedLM,
        BertModel,
    )

    with folders.named_if_unusable(folder / "config.json"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    options = {"config": config, "use_safetensors": True, "dtype": "float32"}
    if runtime.device().type == "cpu":  # faster there than sdpa for the lengths of our texts
        options["attn_implementation"] = "eager"
    if masked_lm:
        kind = AutoModelForMaskedLM
        if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
            raise ValueError(f"a {config.model_type} model has no masked-LM head")
    elif config.model_type == "bert":
        kind, options["add_pooling_layer"] = BertModel, False
    else:
        kind = AutoModel
        options["trust_remote_code"] = False
    # Other shapes are for `check_report` to refuse: transformers says which only in a log.
    options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
    with _quiet(), folders.named_if_unusable(folder / "config.json"):
        model, report = kind.from_pretrained(folder, **options)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    weights.check_report(model, report, folder, masked_lm=masked_lm)
    return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the bar and the report of unused heads; what is missing is checked after."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
