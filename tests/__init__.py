"""The tests of Siaga; the folders mirror the packages."""
