"""Holds what students without attention share: they pool features of word vectors and classify with a perceptron."""
