"""The papers taught here, keyed by the slug shared by notebook, module and test."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """One source. `where` names the sections, tables and equations the lesson follows."""

    authors: str
    year: int
    title: str
    url: str
    where: str


PAPERS = {
    "elmo": Paper(
        authors="Peters et al.",
        year=2018,
        title="Deep contextualized word representations",
        url="https://arxiv.org/abs/1802.05365",
        where="sections 3 and 5, equation 1, tables 1 to 7",
    ),
    "adapters": Paper(
        authors="Houlsby et al.",
        year=2019,
        title="Parameter-Efficient Transfer Learning for NLP",
        url="https://arxiv.org/abs/1902.00751",
        where="sections 2 and 3, tables 1 and 2, figures 2 to 6",
    ),
    "bert_finetuning": Paper(
        authors="Devlin et al.",
        year=2019,
        title="BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
        url="https://arxiv.org/abs/1810.04805",
        where="sections 3.2 and 4, appendices A.3 and A.5",
    ),
    "features_or_finetuning": Paper(
        authors="Peters, Ruder and Smith",
        year=2019,
        title="To Tune or Not to Tune? Adapting Pretrained Representations to Diverse Tasks",
        url="https://arxiv.org/abs/1903.05987",
        where="sections 2 to 4, table 2; beside it BERT (Devlin et al. 2019), section 5.3, table 7",
    ),
    "lora": Paper(
        authors="Hu et al.",
        year=2022,
        title="LoRA: Low-Rank Adaptation of Large Language Models",
        url="https://arxiv.org/abs/2106.09685",
        where="sections 4, 5 and 7, equation 3, tables 2 and 3",
    ),
    "ia3": Paper(
        authors="Liu et al.",
        year=2022,
        title="Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than "
        "In-Context Learning",
        url="https://arxiv.org/abs/2205.05638",
        where="section 3.3",
    ),
    "prompt_tuning": Paper(
        authors="Lester, Al-Rfou and Constant",
        year=2021,
        title="The Power of Scale for Parameter-Efficient Prompt Tuning",
        url="https://arxiv.org/abs/2104.08691",
        where="sections 2 and 3.2",
    ),
    "bitfit": Paper(
        authors="Ben Zaken, Goldberg and Ravfogel",
        year=2022,
        title="BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked "
        "Language-models",
        url="https://arxiv.org/abs/2106.10199",
        where="section 3",
    ),
}
