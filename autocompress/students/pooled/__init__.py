"""What the students without attention share: the teacher's word vectors in, pooled features, a perceptron out."""
