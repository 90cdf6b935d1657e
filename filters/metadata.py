"""What a file says about its photo besides the pixels, for results that are to say it too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from filters.output import Keep

_COPYRIGHT = (ExifTags.Base.Artist, ExifTags.Base.Copyright)

# What describes the photo. All else of a file's first directory says how its pixels or its thumbnail are stored.
_DESCRIPTION = (
    *_COPYRIGHT,
    ExifTags.Base.DocumentName,
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)

_SRGB = 1
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)\d")

MOST_IN_JPEG = 65_000
"""Bytes of EXIF data, and of XMP, that a JPEG's segment has room for."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """EXIF tags, those of the two inner directories (Exif and GPS) as mappings, and an XMP packet."""

    tags: Mapping[int, Any] = field(default_factory=dict)
    xmp: bytes = b""

    def exif(self, width: int, height: int) -> dict[int, Any]:
        """The tags for an image that has become upright, sRGB and of that size."""
        tags = dict(self.tags)
        if ExifTags.IFD.Exif in tags:
            inner = dict(tags[ExifTags.IFD.Exif])
            now = {
                ExifTags.Base.ExifImageWidth: width,
                ExifTags.Base.ExifImageHeight: height,
                ExifTags.Base.ColorSpace: _SRGB,
            }
            tags[ExifTags.IFD.Exif] = inner | {tag: value for tag, value in now.items() if tag in inner}
        return tags

    def exif_bytes(self, width: int, height: int, most: int | None = None) -> bytes:
        """The same as a file holds them, "Exif" and two zeros before; without the camera maker's own part, or empty,
        if they would be more than `most`."""
        tags = self.exif(width, height)
        data = _written(tags)
        if most and len(data) > most and ExifTags.IFD.Exif in tags:
            tags[ExifTags.IFD.Exif].pop(ExifTags.Base.MakerNote, None)
            data = _written(tags)
        return b"" if most and len(data) > most else data


def read(image: ImageFile, keep: Keep) -> Metadata:
    """What of an opened file's metadata is to be kept. Damaged EXIF data counts as none."""
    if keep == "nothing":
        return Metadata()
    try:
        exif = image.getexif()
        wanted = _DESCRIPTION if keep == "all" else _COPYRIGHT
        tags: dict[int, Any] = {int(tag): exif[tag] for tag in wanted if tag in exif}
        if keep == "all":
            if ExifTags.Base.Orientation in exif:
                tags[int(ExifTags.Base.Orientation)] = 1
            for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
                # The interoperability directory is a place in the file that it came from.
                inner = {tag: value for tag, value in exif.get_ifd(part).items() if tag != ExifTags.IFD.Interop}
                if inner:
                    tags[int(part)] = inner
        _written(tags)
    except Exception:  # noqa: BLE001 - damaged EXIF data, which must not cost the photo
        tags = {}
    return replace(Metadata(tags), xmp=_xmp(image) if keep == "all" else b"")


def _xmp(image: ImageFile) -> bytes:
    packet = image.info.get("xmp", b"")
    if isinstance(packet, str):
        packet = packet.encode()
    return _XMP_ORIENTATION.sub(rb"\g<1>1", packet) if isinstance(packet, bytes) else b""


def _written(tags: Mapping[int, Any]) -> bytes:
    if not tags:
        return b""
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif.tobytes()
