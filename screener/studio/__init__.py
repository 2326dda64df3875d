"""The studio draws people of exactly known kinematics: samples, training frames and truth to measure against.

It is a dev-only extra (`studio`); nothing else in screener imports it. The rooms, in the order of the data:

    spec ─▶ motion ─▶ kinematics ─▶ figure ─▶ wardrobe, room ─▶ render ─▶ truth, clip
    what    poses     joint frames  skin      surfaces           pixels   files

`samples` and `training` draw specs at random (from seeds kept apart) and write the results.
"""
