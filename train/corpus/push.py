"""A built corpus to the Hugging Face Hub, as Parquet files and the data card. A dry run unless told otherwise."""

from __future__ import annotations

import errno
from pathlib import Path

from datasets import DatasetDict, load_from_disk
from datasets import logging as datasets_logging
from huggingface_hub import HfApi

from train.checkpoint.remote import check_names, check_token, hub_errors
from train.corpus.card import CARD
from train.corpus.shards import DONE
from train.corpus.split import SPLITS
from train.corpus.summary import read_summary
from train.errors import CorpusError, PublishError

SHARD = "500MB"  # of Parquet: one at a time is made in the temporary folder, and in memory
NOT_SHARED = "not to be redistributed"  # as a source says it in its licence


def push(folder: Path, repository: str, *, private: bool = False, really: bool = False) -> None:
    """Say what uploading the corpus in ``folder`` to the dataset ``repository`` would do, and with ``really`` do it.

    Running it again after an interruption sends no file twice. Raises CorpusError where there is no corpus, and
    PublishError where the upload fails, or where it would publish what may not be.
    """
    check_names(repository)
    summary = read_summary(folder)
    if not summary or not (folder / DONE).is_file():
        raise CorpusError(f"{folder} holds no finished corpus: build it with python -m train.corpus build")
    corpus = load_from_disk(str(folder))
    print(f"{summary['name']}, {'private' if private else 'public'} dataset {repository}:")
    for split in SPLITS:
        size = sum(Path(each["filename"]).stat().st_size for each in corpus[split].cache_files)
        print(f"  {split:<10} {len(corpus[split]):>9,} pictures, about {size / 1e6:,.1f} MB")
    print(f"  {CARD}, with the licences below; look whether each of them allows it")
    licences = sorted({each["licence"] for source in summary["sources"] for each in source["licences"]})
    for licence in licences:
        print(f"    {licence or '(a source states no licence)'}")
    closed = [licence for licence in licences if NOT_SHARED in licence]
    if closed and not private:
        raise PublishError(f'a source\'s licence says "{closed[0]}": only a --private dataset of your own is possible')
    if not really:
        print("Dry run: nothing was uploaded; --push does it")
        return
    _upload(corpus, (folder / CARD).read_bytes(), repository, private)
    print(f"Uploaded to {repository}")


def _upload(corpus: DatasetDict, card: bytes, repository: str, private: bool) -> None:
    datasets_logging.set_verbosity_error()  # it warns that it uses one process, as it was asked to
    api = HfApi(library_name="unfake")
    check_token(api, repository)
    with hub_errors(repository):
        try:
            api.create_repo(repository, repo_type="dataset", private=private or None, exist_ok=True)
            if private and not api.dataset_info(repository).private:
                raise PublishError(
                    f"{repository} is left as it is: it is public, and --private makes new datasets private"
                )
            # The card first: `push_to_hub` adds to its front matter where the files are and what is in them.
            api.upload_file(
                path_or_fileobj=card,
                path_in_repo=CARD,
                repo_id=repository,
                repo_type="dataset",
                commit_message="Data card",
            )
            corpus.push_to_hub(repository, max_shard_size=SHARD, commit_message="Corpus")
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise PublishError("the temporary folder is full: make room, or set TMPDIR to another place") from None
            raise
