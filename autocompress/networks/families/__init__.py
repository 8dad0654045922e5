"""Supported encoder families: one file each, and one entry each in ``FAMILIES`` under its ``model_type``.

Importing this package imports neither torch nor transformers.
"""

from autocompress.networks.families.bert import BERT
from autocompress.networks.families.distilbert import DISTILBERT
from autocompress.networks.families.electra import ELECTRA
from autocompress.networks.families.family import Family
from autocompress.networks.families.mpnet import MPNET
from autocompress.networks.families.roberta import ROBERTA
from autocompress.system.extensions import load_extensions

FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "distilbert": DISTILBERT,
    "roberta": ROBERTA,
    "electra": ELECTRA,
    "mpnet": MPNET,
}

load_extensions()
