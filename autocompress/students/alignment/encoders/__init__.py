"""Registers by name the encoders that read each text before the alignment."""

from autocompress.students.alignment.encoders.bilstm import BiLSTMEncoder
from autocompress.students.alignment.encoders.cnn import CNNEncoder
from autocompress.students.alignment.encoders.encoder import Encoder

ENCODERS: dict[str, Encoder] = {"none": Encoder(), "cnn": CNNEncoder(), "bilstm": BiLSTMEncoder()}

__all__ = ["ENCODERS", "Encoder"]
