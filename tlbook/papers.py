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
}
