"""Why a document, or a row of one, could not be taken."""

from typing import ClassVar

from ai_worker.foundation.errors import BadInput, TooLarge


class DocumentRefused(BadInput):
    """A document cannot be read. The others of the same run are not affected."""

    code: ClassVar[str] = "knowledge.document_unreadable"
    hint = "Open it in the program that made it, save it again, and add it again."


class UnsupportedType(DocumentRefused):
    """Nothing here reads files of this kind."""

    code = "knowledge.unsupported_type"
    hint = "Supported: csv, jsonl, md, txt, docx, pdf, xlsx, html."


class UnknownEncoding(DocumentRefused):
    """A text file is in none of the encodings that can be told apart for certain."""

    code = "knowledge.encoding_unknown"
    hint = "Save the file as UTF-8."


class Encrypted(DocumentRefused):
    """A document is protected by a password."""

    code = "knowledge.document_encrypted"
    hint = "Save a copy without a password."


class Empty(DocumentRefused):
    """A document holds no text."""

    code = "knowledge.document_empty"
    hint = "Put text into it, or leave it out."


class NoTextLayer(Empty):
    """Pages are pictures, and no text lies behind them: a scan."""

    code = "knowledge.no_text_layer"
    hint = "Run text recognition (OCR) over it first, and add the result."


class CutOff(DocumentRefused):
    """A file ends in the middle, as one does whose writing or sending was cut off."""

    code = "knowledge.document_cut_off"
    hint = "Export or upload it again, whole."


class TooCostly(DocumentRefused):
    """Reading a document would take more time or memory than one document may."""

    code = "knowledge.document_too_costly"
    hint = "Split the document into smaller ones."


class ReaderCrashed(DocumentRefused):
    """The parser died on a document: it is damaged or malicious."""

    code = "knowledge.reader_crashed"


class DocumentTooLarge(DocumentRefused, TooLarge):
    """A file is larger than a document may be."""

    code = "knowledge.document_too_large"
    hint = "Split the document into smaller ones."


class NoSuchPath(DocumentRefused):
    """There is no file or folder of this name, or it may not be read."""

    code = "knowledge.path_unreadable"
    hint = "Check the path and its permissions."


class LeavesFolder(DocumentRefused):
    """A symbolic link points out of the folder that was to be added."""

    code = "knowledge.link_leaves_folder"
    hint = "Copy the file into the folder, or add its own folder."


class DuplicateDocument(DocumentRefused):
    """Two files of one run would get the same id; the first was taken."""

    code = "knowledge.document_duplicate"
    hint = "Put both under one folder and add that, so that their paths differ."


class RowRefused(BadInput):
    """A row of a table cannot be taken. The other rows of a file are not affected."""

    code = "knowledge.row_bad"
    hint = "Every row needs an answer, and an id or a question: at most 1,000 characters, answers 100,000."


class DuplicateRow(RowRefused):
    """Two rows have the same id; the first was taken."""

    code = "knowledge.row_duplicate"


class BadBaseName(BadInput):
    """A knowledge base's name is 1 to 64 letters, digits, dots, hyphens or underscores."""

    code = "knowledge.base_name"


class BadDocumentName(BadInput):
    """An uploaded document has no usable name."""

    code = "knowledge.document_name"
