"""The box's health is read from the kernel's files; what cannot be read is absent."""

from edge.health import read_health


def board(root, *, temperature="51500\n", alarm="0\n"):
    zone = root / "class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text(temperature)
    for number, name in enumerate(["cpu_thermal", "rpi_volt"]):
        sensor = root / f"class/hwmon/hwmon{number}"
        sensor.mkdir(parents=True)
        (sensor / "name").write_text(name + "\n")
    (root / "class/hwmon/hwmon1/in0_lcrit_alarm").write_text(alarm)
    return root


def test_a_board_with_enough_voltage(tmp_path):
    health = read_health(tmp_path, board(tmp_path / "sys"))
    assert health.cpu_c == 51.5
    assert health.under_voltage is False
    assert health.disk_free_bytes


def test_a_board_with_too_little_voltage(tmp_path):
    assert read_health(tmp_path, board(tmp_path / "sys", alarm="1\n")).under_voltage is True


def test_what_cannot_be_read_is_absent_and_not_zero(tmp_path):
    health = read_health(tmp_path / "gone", tmp_path / "no-sys")
    assert (health.cpu_c, health.under_voltage, health.disk_free_bytes) == (None, None, None)


def test_a_file_with_nonsense_is_absent(tmp_path):
    assert read_health(tmp_path, board(tmp_path / "sys", temperature="hot")).cpu_c is None
