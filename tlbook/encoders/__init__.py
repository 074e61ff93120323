"""Pre-trained encoders: the shipped one, the Hub's, or a folder's; safetensors only.

A model is a class of `transformers`, so that every cell can be carried to any other encoder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from tlbook import runtime
from tlbook.encoders import sources

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
        ValueError: If the name is unknown (the close ones are listed), a weight file is
            truncated or altered, or there are no safetensors.
        ConnectionError: If the Hub is needed and cannot be reached.

    Example:
        >>> tokenizer, model = load("pocket-bert")
        >>> states = model(**tokenizer("A fine film.", return_tensors="pt")).last_hidden_state
        >>> states.shape[2] == model.config.hidden_size
        True
    """
    folder = sources.find(name)
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as file:
                file.keys()
        except SafetensorError as error:
            raise ValueError(f"{path} is truncated or damaged ({error}); fetch it anew") from error
    return _tokenizer(folder), _model(folder, masked_lm=masked_lm)


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

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    options = {"config": config, "use_safetensors": True, "dtype": "float32"}
    if runtime.device().type == "cpu":  # faster there than sdpa for the lengths of our texts
        options["attn_implementation"] = "eager"
    with _quiet():
        if masked_lm:
            kind = AutoModelForMaskedLM
            if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
                raise ValueError(f"a {config.model_type} model has no masked-LM head")
        elif config.model_type == "bert":
            kind, options["add_pooling_layer"] = BertModel, False
        else:
            kind = AutoModel
            options["trust_remote_code"] = False
        model, report = kind.from_pretrained(folder, output_loading_info=True, **options)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(
            f"{folder} lacks {len(missing)} weights of a {type(model).__name__}, "
            f"{missing[0]} first; load it without masked_lm=True, or choose another model"
        )
    return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the bar and the report of unused heads; what is missing is checked above."""
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
