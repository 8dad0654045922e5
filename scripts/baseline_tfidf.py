"""Train TF-IDF with logistic regression on the demo's splits, as a simple baseline.

    python scripts/baseline_tfidf.py

Features are unigrams and bigrams, and C is chosen on the validation split. Prints accuracy and macro-F1 on the
validation and test splits.
"""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from autocompress.tasks.demo import load_demo

CHOICES = (0.3, 1.0, 3.0, 10.0)


def main() -> None:
    data = {name: ([row[0] for row in split.texts], split.labels) for name, split in load_demo().splits.items()}
    models = [
        make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=c, max_iter=1000))
        for c in CHOICES
    ]
    for model in models:
        model.fit(*data["train"])
    best = max(models, key=lambda model: model.score(*data["validation"]))
    for name in ("validation", "test"):
        texts, labels = data[name]
        predicted = best.predict(texts)
        print(
            f"{name}: accuracy {accuracy_score(labels, predicted):.4f}, "
            f"macro-F1 {f1_score(labels, predicted, average='macro'):.4f}"
        )


if __name__ == "__main__":
    main()
