"""Text in: reading, cleaning, tokenizer, Arrow store, batching.

`prepare` goes through it in the order in which text flows:

    sample, remote, formats, lines, tables, tmx, mismatch   files -> pairs
    normalise, examine, checks, scripts, spool              what is wrong with each pair
    choose, holdout                                         which pairs go into which split
    vocabulary, subwords, tokenizer, sampling               text -> subwords
    encode, apart, store                                    subwords -> Arrow files
    doctor, provenance, manifest, folder                    the report, the manifest, the folder

and `batching` reads what it stored.
"""
