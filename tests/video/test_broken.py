"""Whatever is wrong with a file, the person is told in plain words; nothing crashes, hangs or is made up."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from screener.errors import AbsurdVideo, EmptyVideo, NoVideoStream, TooShort, UnreadableVideo
from screener.video import MIN_DURATION_S, Picture, open_video
from tests.clips import encode, reencode


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def holding(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("clip.mp4", b"0" * 5000)
    return path


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        for start in range(0, 16000, 1024):
            frame = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def still(path: Path) -> Path:
    frame = VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
    frame.save(str(path))
    return path


@pytest.mark.parametrize(
    ("make", "name", "error", "says"),
    [
        (lambda path: path, "missing.mp4", UnreadableVideo, "There is no file missing.mp4"),
        (folder, "clips.mp4", UnreadableVideo, "is a folder"),
        (holding(b""), "zero.mp4", EmptyVideo, "is empty"),
        (holding(b"Dear doctor, here is my squat.\n" * 200), "letter.txt", UnreadableVideo, "is not a video"),
        (holding(b"Dear doctor, here is my squat.\n" * 200), "letter.mp4", UnreadableVideo, "is not a video"),
        (holding(b"#EXTM3U\n#EXTINF:9,\n/etc/hostname\n"), "list.m3u8", UnreadableVideo, "is not a video"),
        (holding(b"ffconcat version 1.0\nfile clip.mp4\n"), "list.mp4", UnreadableVideo, "is not a video"),
        (zipped, "zipped.mp4", UnreadableVideo, "is not a video"),
        (sound, "sound.mp4", NoVideoStream, "holds no picture"),
        (sound, "sound.mkv", NoVideoStream, "holds no picture"),
        (still, "still.jpg", TooShort, "is a single picture"),
        (still, "still.png", TooShort, "is a single picture"),
        (still, "still_named.mp4.jpg", TooShort, "is a single picture"),
    ],
)
def test_a_file_that_is_no_recording(
    tmp_path: Path, make: Callable[[Path], Path], name: str, error: type[UnreadableVideo], says: str
) -> None:
    path = make(tmp_path / name)
    with pytest.raises(error, match=re.escape(says)) as caught:
        open_video(path)
    assert caught.type is error
    assert caught.value.exit_code == 4
    assert caught.value.what_to_do.endswith(".")


def test_a_picture_named_as_a_video(tmp_path: Path) -> None:
    path = still(tmp_path / "still.jpg").rename(tmp_path / "still.mp4")
    with pytest.raises(TooShort, match="is a single picture"):
        open_video(path)


def test_too_short_is_told_from_long_enough(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    enough = round(MIN_DURATION_S * 30)
    with open_video(encode(tmp_path / "enough.mp4", pictures[:enough])) as source:
        assert sum(1 for _ in source) == enough
    with pytest.raises(TooShort, match=r"lasts 1\.5 s|lasts 1\.4 s"):
        open_video(encode(tmp_path / "short.mp4", pictures[: enough - 2]))


def test_a_claim_of_many_hours(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    slow = [(3600 * time_s * 30, rgb) for time_s, rgb in pictures]
    with pytest.raises(AbsurdVideo, match="hours"):
        open_video(encode(tmp_path / "slow.mkv", slow))


def test_more_pictures_a_second_than_any_camera(tmp_path: Path) -> None:
    tiny = np.zeros((16, 16, 3), np.uint8)
    frames = ((i / 2000, tiny) for i in range(3200))
    with pytest.raises(AbsurdVideo, match="2000 pictures a second"):
        open_video(encode(tmp_path / "fast.mp4", frames, fps=1000))


def test_a_picture_too_large_for_any_camera(tmp_path: Path) -> None:
    # A plane of one colour: a few kilobytes on disk, 192 MB for each picture in memory.
    path = tmp_path / "bomb.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 16384, 4096, "yuv420p"
        stream.codec_context.thread_count = 1
        plane = VideoFrame(16384, 4096, "yuv420p")
        for index in range(3):
            plane.pts = index
            container.mux(stream.encode(plane))
        container.mux(stream.encode(None))
    with pytest.raises(AbsurdVideo, match="16384 x 4096 pixels"):
        open_video(path)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".webm"])
def test_a_recording_cut_short_gives_what_is_there(
    pictures: list[tuple[float, Picture]], tmp_path: Path, suffix: str
) -> None:
    twice = [(time_s + offset, rgb) for offset in (0, 2) for time_s, rgb in pictures]
    path = encode(tmp_path / f"cut{suffix}", twice, codec="vp9" if suffix == ".webm" else "h264")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with open_video(path) as source:
        frames = list(source)
        warnings = source.warnings
    assert 45 < len(frames) < 110
    assert any("cut short" in warning for warning in warnings)
    with open_video(path) as source:
        assert source.info.duration_s == pytest.approx(frames[-1].time_s, abs=0.1)


def test_an_mp4_cut_short(clip: Path, tmp_path: Path) -> None:
    # With its index at the front what is left can be read; with the index at the end, nothing can.
    path = tmp_path / "cut.mp4"
    with av.open(str(clip)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    with open_video(path) as video:
        frames = list(video)
        assert any("cut short" in w or "damaged" in w for w in video.warnings)
    assert 40 < len(frames) < 60
    path.write_bytes(clip.read_bytes()[: len(whole) * 9 // 10])
    with pytest.raises(UnreadableVideo, match="beginning or end is missing"):
        open_video(path)


def test_damaged_frames_are_counted_and_left_out(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.mp4"
    raw = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        hit = [packet.pos for packet in container.demux(video=0) if packet.pos is not None][20:25]
    for position in hit:
        raw[position + 5 : position + 40] = bytes(35)
    path.write_bytes(raw)
    with open_video(path) as source, open_video(clip) as good:
        frames = list(source)
        whole = {frame.time_s: frame.index for frame in good}
        assert source.damaged_frames >= 1
        assert len(frames) + source.damaged_frames == len(whole)
        assert any("damaged frame" in warning for warning in source.warnings)
        # Those that are left keep their own times and places.
        assert all(whole[frame.time_s] == frame.index for frame in frames)
        assert [f.time_s for f in source.read_windows([(1.5, 2.0)])] == [f.time_s for f in frames if f.time_s >= 1.5]


def test_frames_that_share_a_time_are_left_out(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    path = tmp_path / "repeated.mkv"
    halves = [(time_s // (1 / 15) / 15, rgb) for time_s, rgb in pictures]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for index, (_, rgb) in enumerate(halves):
            frame = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            for packet in stream.encode(frame):
                packet.pts = packet.dts = index - index % 2
                container.mux(packet)
    with open_video(path) as source:
        times = [frame.time_s for frame in source]
        assert len(times) == 30
        assert all(b > a for a, b in pairwise(times))
        assert "30 frames without a time of its own" in " ".join(source.warnings)


#: Opens each file named on the command line and says what came of it, one line a file.
READ_ALL = """
import sys
from screener.errors import UnreadableVideo
from screener.video import open_video
for name in sys.argv[1:]:
    try:
        with open_video(name) as source:
            last = -1.0
            count = 0
            for frame in source:
                assert frame.time_s > last or (count == 0 and frame.time_s == 0), (last, frame.time_s)
                assert frame.rgb.shape == (source.info.height_px, source.info.width_px, 3)
                last = frame.time_s
                count += 1
            if source.damaged_frames:
                assert source.warnings
            list(source.read_windows([(last / 2, last / 2 + 0.1)]))
        print("read", count, flush=True)
    except UnreadableVideo as error:
        assert error.message and error.what_to_do
        print("refused", type(error).__name__, flush=True)
"""


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("vp9", ".webm"), ("hevc", ".mov"), ("mpeg4", ".avi")])
def test_two_hundred_broken_files(clip: Path, tmp_path: Path, codec: str, suffix: str) -> None:
    whole = reencode(clip, tmp_path / f"whole{suffix}", codec=codec, size=(128, 96)).read_bytes()
    chance = random.Random(f"{codec}{suffix}")
    broken = []
    for number in range(50):
        raw = bytearray(whole)
        kind = number % 4
        if kind == 0:
            del raw[chance.randrange(len(raw)) :]
        # The header is a small part of the file and the one where a changed byte does most: it gets its share.
        reach = [len(raw), len(raw), min(len(raw), 1500), len(raw)][kind]
        for _ in range([3, 1, 4, 60][kind]):
            if kind == 2 and chance.random() < 0.5:
                raw[-1 - chance.randrange(min(len(raw), 1500))] = chance.randrange(256)
            elif raw:
                raw[chance.randrange(min(reach, len(raw)))] = chance.randrange(256)
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(raw)
        broken.append(str(path))
    # In a process of its own, so that a crash inside a decoder is seen as one and a hang has an end.
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *broken],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    outcomes = done.stdout.split("\n")[:-1]
    assert len(outcomes) == len(broken)
    # Were every file refused, or none, the breaking would test nothing.
    assert 0 < sum(outcome.startswith("read") for outcome in outcomes) < len(broken)
