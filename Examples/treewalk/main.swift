print("treewalk")
