"""Text in: readers, cleaning, tokenizer, Arrow dataset, batches.

`prepare` goes through it in the order in which text flows:

    sample, download, readers, text_io, tabular, tmx, misalignment     files -> pairs
    normalization, cleaning, writing_systems, scratch_file             what is wrong with each pair
    splits                                                             which pairs go into which split
    train_tokenizer, tokenizer, subword_regularization                 text -> subwords
    corpus_encoder, dataset                                            subwords -> Arrow files
    cleaning_report, provenance, manifest, output_dir                  the report, the manifest, the folder
    ibm1, lexicon                                                      word translation probabilities

and `batching` reads what it stored.
"""
