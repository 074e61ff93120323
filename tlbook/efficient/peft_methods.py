"""LoRA's relatives on the same axes: rescaled activations, a prompt of vectors, biases alone.

Each function takes a head of `tlbook.heads` on a BERT-like encoder and a seed, and leaves
trainable what its method trains, and the head. IA3 and prompt tuning are made by `peft`, which is
imported only when they are asked for. `METHODS` are those that lesson 33
can compare; its CSV says which are measured.

Paper:    PAPERS["lora"], section 5.1; PAPERS["ia3"]; PAPERS["prompt_tuning"]; PAPERS["bitfit"]
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Int
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from tlbook.efficient import lora
from tlbook.efficient.adaptation import Method
from tlbook.efficient.comparison import FEW
from tlbook.freezing import freeze

# The paper's places: keys, values, and what the feed-forward layer reads after its nonlinearity.
# peft's default for BERT also scales the output of attention, whose name ends alike.
FEED_FORWARD = r".*layer\.\d+\.output\.dense"
SCALED = rf".*\.(key|value)|{FEED_FORWARD}"


def low_rank(model: nn.Module, seed: int, **options) -> None:
    """Train `tlbook.efficient.lora`'s corrections, with its alpha; `options` as for its `add`."""
    lora.add(model, seed=seed, **options)


def bitfit(model: nn.Module, seed: int = 0) -> None:
    """Train the encoder's biases, and the head (Ben Zaken et al. 2022, section 3).

    Args:
        model: A head of `tlbook.heads`, or an encoder; changed in place.
        seed: Not needed, nothing is drawn.

    Raises:
        ValueError: If the encoder has no biases.
    """
    encoder = lora.encoder_of(model)
    biases = [weight for name, weight in encoder.named_parameters() if name.endswith("bias")]
    if not biases:
        raise ValueError(f"{type(encoder).__name__} has no biases to train")
    freeze(encoder)
    for bias in biases:
        bias.requires_grad_(True)


def ia3(model: nn.Module, seed: int = 0) -> None:
    """Train one factor per key, value and feed-forward unit (Liu et al. 2022, section 3.3).

    All factors begin at 1, which leaves the encoder's function as it is.

    Args:
        model: A head of `tlbook.heads` on a BERT-like encoder, or that encoder; changed in place.
        seed: Not needed, nothing is drawn.

    Raises:
        ValueError: If the encoder has no layers of those names.
    """
    from peft import IA3Config, inject_adapter_in_model

    config = IA3Config(target_modules=SCALED, feedforward_modules=FEED_FORWARD)
    inject_adapter_in_model(config, lora.encoder_of(model))


def prompt_tuning(model: nn.Module, seed: int = 0, *, virtual_tokens: int = 8) -> None:
    """Train the embeddings of virtual tokens before each text (Lester et al. 2021, section 2).

    They begin as embeddings of words drawn from the vocabulary (section 3.2). The rest of the
    encoder is frozen; see `PromptedEncoder` for what the head reads.

    Args:
        model: A head of `tlbook.heads` on a BERT-like encoder; its ``.encoder`` is replaced.
        seed: Of the words drawn; the global generator is left as it was.
        virtual_tokens: Their count, 1 or more; they take as many of the encoder's positions.

    Raises:
        ValueError: If `virtual_tokens` is below 1.
    """
    if virtual_tokens < 1:
        raise ValueError(f"virtual_tokens must be 1 or more, got {virtual_tokens}")
    from peft import PromptTuningConfig, get_peft_model

    config = PromptTuningConfig(
        task_type="FEATURE_EXTRACTION",
        num_virtual_tokens=virtual_tokens,
        prompt_tuning_init="SAMPLE_VOCAB",
    )
    with _seeded(seed):
        prompted = get_peft_model(model.encoder, config)
    model.encoder = PromptedEncoder(prompted.train(model.encoder.training))


class PromptedEncoder(nn.Module):
    """An encoder that reads trained vectors before each text, and returns the text's states only.

    The virtual tokens stand before [CLS]: they are attended to (their mask is 1), belong to
    segment 0 and take the first positions. Their own states are cut off again. So a head pools
    what it always pools: the mean over the text's own tokens, or the state of [CLS].

    The forward pass of `peft` would return their states too, and drop the segments, which tell
    the two texts of a pair apart.

    Args:
        prompted: From `peft.get_peft_model` with a ``PromptTuningConfig``.
    """

    def __init__(self, prompted: nn.Module):
        super().__init__()
        self.prompted = prompted

    @property
    def config(self):
        """The encoder's own."""
        return self._encoder.config

    @property
    def _encoder(self) -> PreTrainedModel:
        return self.prompted.base_model

    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"],
        attention_mask: Int[Tensor, "batch tokens"],
        token_type_ids: Int[Tensor, "batch tokens"] | None = None,
    ) -> BaseModelOutput:
        words = self._encoder.get_input_embeddings()(input_ids)
        prompt = self.prompted.get_prompt(len(input_ids)).to(words.dtype)
        count = prompt.shape[1]

        def before(numbers: Tensor, value: int) -> Tensor:
            return torch.cat([numbers.new_full((len(numbers), count), value), numbers], dim=1)

        given = {"attention_mask": before(attention_mask, 1)}
        if token_type_ids is not None:
            given["token_type_ids"] = before(token_type_ids, 0)
        states = self._encoder(inputs_embeds=torch.cat([prompt, words], dim=1), **given)
        return BaseModelOutput(last_hidden_state=states.last_hidden_state[:, count:])


METHODS = {
    "LoRA 4": Method(partial(low_rank, rank=4), FEW),
    "IA3": Method(ia3, (3e-3, 1e-2, 3e-2)),
    "BitFit": Method(bitfit, FEW),
    "prompt tuning": Method(prompt_tuning, (3e-3, 1e-2, 3e-2)),
    "LoRA 16": Method(partial(low_rank, rank=16), FEW),
    "LoRA 1": Method(partial(low_rank, rank=1), FEW),
    "LoRA, all linear 4": Method(
        partial(low_rank, rank=4, targets=("query", "key", "value", "dense")), FEW
    ),
}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let peft draw from the global generator by `seed`, and leave no trace of it."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft 0.21 asks transformers 5 for a property by its old name.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        torch.manual_seed(seed)
        yield
