"""Holds what students without attention share: word vectors in, pooled features, a perceptron out."""
