"""Change real image files at random, and judge what fastfit makes of each.

    python tests/fuzzing --cases 2000 --seed 1

A file must become a picture of the right size or a `FastfitError`: no crash, no other exception, no hang, bounded
memory, the same pixels each time, and nothing on stderr while the decoder is listened to. Cases run in forked
children, many in each, and their verdicts come back in order; a child that dies or is silent for too long does so
on the case that is due. A case follows from seed, number and corpus: ``--case 17`` runs it again, ``--keep DIR``
writes what was found, ``--files`` judges files as they are. Exit status: 1 if anything was found.
"""
